#include "tarn/capi/conversation.h"

#include "tarn/capi/border.h"

namespace tarn::capi {
namespace {

constexpr size_t most_tools = 256;

void check_tool(const ordered_json& tool, size_t index) {
  const auto refuse = [&](std::string_view reason) {
    fail(ErrorCode::invalid_argument,
         "tools[{}]: {}; a tool is {{\"type\": \"function\", \"function\": {{\"name\": ..., "
         "\"parameters\": ...}}}}",
         index, reason);
  };
  if (!tool.is_object()) refuse("it is no object");
  if (tool.contains("type") && tool["type"] != "function") refuse("its type is not \"function\"");
  if (!tool.contains("function") || !tool["function"].is_object()) refuse("it has no function");
  const ordered_json& function = tool["function"];
  if (!function.contains("name") || !function["name"].is_string() ||
      function["name"].get_ref<const std::string&>().empty()) {
    refuse("its function has no name");
  }
  if (function.contains("parameters") && !function["parameters"].is_object()) {
    refuse("its parameters are no JSON schema");
  }
}

}  // namespace

Conversation read_conversation(const char* messages, const char* tools, const char* kwargs) {
  Conversation conversation;
  conversation.messages = parse_parameter(messages, "messages");
  if (!conversation.messages.is_array() || conversation.messages.empty()) {
    fail(ErrorCode::invalid_argument, "messages: it must be a list of at least one message");
  }
  if (tools != nullptr) {
    ordered_json list = parse_parameter(tools, "tools");
    if (!list.is_array() || list.size() > most_tools) {
      fail(ErrorCode::invalid_argument, "tools: it must be a list of at most {} functions",
           most_tools);
    }
    for (size_t i = 0; i < list.size(); ++i) check_tool(list[i], i);
    if (!list.empty()) conversation.tools = std::move(list);
  }
  if (kwargs != nullptr) {
    conversation.kwargs = parse_parameter(kwargs, "template_kwargs");
    if (!conversation.kwargs.is_object()) {
      fail(ErrorCode::invalid_argument, "template_kwargs: it must be an object");
    }
  }
  return conversation;
}

}  // namespace tarn::capi
