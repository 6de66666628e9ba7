#include "tarn/server/api/chat_prompt.h"

namespace tarn::server {
namespace {

// What is wrong with messages is the request's fault.
template <typename F>
auto blame_messages(F&& f) {
  try {
    return f();
  } catch (const Error& error) {
    throw ApiError(400, error.what(), "messages");
  }
}

}  // namespace

void check_context(const Service& service, size_t prompt_tokens) {
  const int64_t limit = service.context();
  if (limit == 0 || static_cast<int64_t>(prompt_tokens) < limit) return;
  throw ApiError(
      400,
      fmt::format("context: the prompt has {} tokens and the context {}, which leaves no "
                  "room for an answer; shorten the conversation",
                  prompt_tokens, limit),
      "messages", "context_length_exceeded");
}

std::string render(const Service& service, const Conversation& conversation) {
  return blame_messages([&] { return chat_prompt_text(service.chat(), conversation); });
}

void make_prompt(const Service& service, const Conversation& conversation, Task& task) {
  ChatPrompt prompt = blame_messages([&] { return chat_prompt(service.chat(), conversation); });
  check_context(service, prompt.tokens.size());
  task.chat = true;
  task.prompt = std::move(prompt.tokens);
  task.snapshots = std::move(prompt.snapshots);
  task.in_reasoning = prompt.in_reasoning;
  task.tools = conversation.tools;
  task.parse_tools = conversation.tools.is_array() && !conversation.tools.empty();
}

void make_prompt(const Service& service, const std::string& text, Task& task) {
  task.prompt = blame_messages([&] { return service.model().tokenizer().encode(text, true).ids; });
  check_context(service, task.prompt.size());
}

}  // namespace tarn::server
