#include "tarn/server/api/forced_calls.h"

#include "tarn/text/chat/calls_grammar.h"

namespace tarn::server {

void force_calls(Service& service, const ordered_json& tools, Task& task, int most) {
  if (task.grammar) {
    throw ApiError(400, "tool_choice: calls cannot be required beside another grammar",
                   "tool_choice");
  }
  task.grammar = service.call_grammar(fmt::format("calls:{}:{}", most, tools.dump()), [&] {
    try {
      return text::calls_grammar(text::tool_envelope(service.syntax().tools), tools, most);
    } catch (const Error& error) {
      throw ApiError(400, fmt::format("tool_choice: {}", error.what()), "tool_choice");
    }
  });
}

}  // namespace tarn::server
