// From a conversation to a prompt.
#pragma once

#include <string>

#include "tarn/lm/chat_prompt.h"
#include "tarn/server/service.h"
#include "tarn/server/task.h"

namespace tarn::server {

// Fills in the task's prompt, snapshots and how its output is read. A last message of the assistant
// is continued. ApiError 400 for what is no conversation, for what the template refuses (with its
// own words), and when the prompt does not fit the context (with both numbers).
void make_prompt(const Service& service, const Conversation& conversation, Task& task);
// The text alone.
std::string render(const Service& service, const Conversation& conversation);

// Of plain text, for models without a template or requests without a conversation.
void make_prompt(const Service& service, const std::string& text, Task& task);
void check_context(const Service& service, size_t prompt_tokens);

}  // namespace tarn::server
