// What OpenAI's routes share.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tarn/server/api/api.h"
#include "tarn/server/api/chat_prompt.h"
#include "tarn/server/api/forced_calls.h"
#include "tarn/server/api/sampling.h"
#include "tarn/server/api/stream.h"
#include "tarn/server/body.h"
#include "tarn/server/task.h"

namespace tarn::server {

// Fields that clients send and that change nothing here.
void accept_bookkeeping(Body& body);

// tools, tool_choice, parallel_tool_calls into the conversation and the task.
void read_tools(Service& service, Body& body, Conversation& conversation, Task& task);
// reasoning_effort, chat_template_kwargs.
void read_template_options(Body& body, Conversation& conversation);

std::string finish_word(const ChoiceEnd& end);  // "stop", "length", "tool_calls"
ordered_json usage_json(const Usage& usage);
ordered_json token_json(const Service& service, const TokenInfo& token);
ordered_json logprobs_json(const Service& service, std::span<const TokenInfo> tokens);
ordered_json error_json(const ApiError& error);

// Usage and timings, as whole answers and last chunks have them.
void add_usage(const Service& service, const Usage& usage, ordered_json& document);
// The end of a stream of chunks: `last`, a chunk without choices, with the usage, where the client
// wants it (else null); then [DONE].
void end_chunks(const Service& service, const Usage& usage, ordered_json last, EventStream& stream);
// The end by an error: a response of its own while nothing has been sent, else an event.
void fail_chunks(const ApiError& error, EventStream& stream);

}  // namespace tarn::server
