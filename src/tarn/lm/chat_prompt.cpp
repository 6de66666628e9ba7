#include "tarn/lm/chat_prompt.h"

#include <algorithm>
#include <optional>

#include "tarn/lm/prefix_store.h"
#include "tarn/text/chat/messages.h"

namespace tarn {
namespace {

std::string text_of(const ordered_json& content) {
  if (content.is_string()) return content.get<std::string>();
  std::string text;
  if (!content.is_array()) return text;
  for (const ordered_json& part : content) {
    if (part.is_object() && part.contains("text") && part["text"].is_string()) {
      text += part["text"].get<std::string>();
    }
  }
  return text;
}

// The assistant's last message, taken from the conversation, if it is to be continued.
std::optional<std::string> take_beginning(ordered_json& messages) {
  if (!messages.is_array() || messages.size() < 2) return std::nullopt;
  const ordered_json& last = messages.back();
  if (!last.is_object() || !last.contains("role") || last["role"] != "assistant") {
    return std::nullopt;
  }
  if (last.contains("tool_calls") && !last["tool_calls"].empty()) return std::nullopt;
  std::string text = last.contains("content") ? text_of(last["content"]) : "";
  messages.erase(messages.size() - 1);
  return text;
}

std::string render_with(const ChatModel& model, const ordered_json& messages,
                        const ordered_json& tools, const ordered_json& kwargs,
                        bool generation_prompt) {
  const bool has_tools = tools.is_array() && !tools.empty();
  return model.loaded().render(messages, has_tools ? &tools : nullptr, &kwargs, generation_prompt);
}

struct Rendered {
  std::string prompt;
  ordered_json messages;  // as the template got them
};

Rendered render_all(const ChatModel& model, const Conversation& conversation) {
  ordered_json messages = conversation.messages;
  ordered_json kwargs = conversation.kwargs;
  const auto beginning = take_beginning(messages);
  // What is continued is the answer, behind all reasoning.
  if (beginning && !kwargs.contains("enable_thinking")) {
    kwargs["enable_thinking"] = kwargs["thinking"] = false;
  }
  messages = text::normalize_messages(messages, model.traits());
  std::string prompt = render_with(model, messages, conversation.tools, kwargs, true);
  if (beginning) prompt += *beginning;
  return {std::move(prompt), std::move(messages)};
}

// Where the prompts of this conversation's next turns will still be the same: behind the last
// message, before what opens the answer.
std::vector<int64_t> snapshots_of(const ChatModel& model, const Conversation& conversation,
                                  const ordered_json& messages,
                                  const std::vector<int32_t>& prompt) {
  std::vector<int32_t> shared;
  try {
    const std::string text =
        render_with(model, messages, conversation.tools, conversation.kwargs, false);
    shared = model.loaded().tokenizer().encode(text, false).ids;
  } catch (const Error&) {
    return {};  // some templates render nothing but prompts
  }
  const size_t limit = std::min(shared.size(), prompt.size());
  const auto end = shared.begin() + static_cast<ptrdiff_t>(limit);
  const int64_t common = std::mismatch(shared.begin(), end, prompt.begin()).first - shared.begin();
  if (common < PrefixStore::block || common >= static_cast<int64_t>(prompt.size())) return {};
  return {common};
}

}  // namespace

std::string chat_prompt_text(const ChatModel& model, const Conversation& conversation) {
  return render_all(model, conversation).prompt;
}

ChatPrompt chat_prompt(const ChatModel& model, const Conversation& conversation) {
  const Rendered rendered = render_all(model, conversation);
  ChatPrompt prompt;
  prompt.tokens = model.loaded().tokenizer().encode(rendered.prompt, false).ids;
  prompt.snapshots = snapshots_of(model, conversation, rendered.messages, prompt.tokens);
  prompt.in_reasoning = text::ends_in_reasoning(rendered.prompt, model.syntax());
  return prompt;
}

}  // namespace tarn
