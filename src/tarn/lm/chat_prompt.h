// From a conversation, as clients have it, to the tokens of a prompt.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tarn/base/json.h"
#include "tarn/lm/chat_model.h"

namespace tarn {

struct Conversation {
  ordered_json messages;                         // OpenAI's
  ordered_json tools;                            // OpenAI's list of functions; null: none
  ordered_json kwargs = ordered_json::object();  // variables of the template: enable_thinking, ...
};

struct ChatPrompt {
  std::vector<int32_t> tokens;
  // Lengths of its beginning that the conversation's next turns will share (GenerateOptions).
  std::vector<int64_t> snapshots;
  bool in_reasoning = false;  // it has opened reasoning
};

// A last message of the assistant is continued. Errors: normalize_messages' for what is no
// conversation, the template's own for what it refuses, the tokenizer's.
ChatPrompt chat_prompt(const ChatModel& model, const Conversation& conversation);
// The text alone.
std::string chat_prompt_text(const ChatModel& model, const Conversation& conversation);

}  // namespace tarn
