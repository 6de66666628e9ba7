#include "tarn/server/api/openai.h"

#include <algorithm>

namespace tarn::server {
namespace {

constexpr size_t most_tools = 256;

void check_tool(const Body& body, const ordered_json& tool, size_t index) {
  const std::string place = fmt::format("tools[{}]", index);
  Body fields(tool, body.path(place));
  fields.choice("type", {"function"});
  auto function = fields.object("function");
  if (!function) fields.fail("function", "it is missing");
  if (function->require_text("name").empty()) function->fail("name", "it is empty");
  function->text("description");
  if (const ordered_json* schema = function->find("parameters"); schema && !schema->is_object()) {
    function->fail("parameters", "it must be a JSON schema");
  }
  function->accept({"strict"});
  function->finish();
  fields.finish();
}

ordered_json bytes_json(const std::string& text) {
  ordered_json bytes = ordered_json::array();
  for (const char c : text) bytes.push_back(static_cast<unsigned char>(c));
  return bytes;
}

}  // namespace

void accept_bookkeeping(Body& body) {
  body.accept({"user", "metadata", "store", "service_tier", "prompt_cache_key", "safety_identifier",
               "prompt_cache_retention", "verbosity"});
}

void read_tools(Service& service, Body& body, Conversation& conversation, Task& task) {
  if (const ordered_json* tools = body.list("tools", most_tools); tools && !tools->empty()) {
    for (size_t i = 0; i < tools->size(); ++i) check_tool(body, (*tools)[i], i);
    conversation.tools = *tools;
  }
  // More in one answer than anybody means would be a loop.
  const int most = body.boolean("parallel_tool_calls").value_or(true) ? 8 : 1;
  const ordered_json* choice = body.find("tool_choice");
  if (choice == nullptr) return;
  if (*choice == "auto") return;
  if (*choice == "none") {
    conversation.tools = nullptr;
    return;
  }
  if (conversation.tools.is_null()) body.fail("tool_choice", "there are no tools to choose from");
  if (*choice == "required") {
    return force_calls(service, conversation.tools, task, most);
  }
  Body fields(*choice, body.path("tool_choice"));
  fields.choice("type", {"function"});
  auto function = fields.object("function");
  const std::string name = function ? function->require_text("name") : fields.require_text("name");
  ordered_json one = ordered_json::array();
  for (const ordered_json& tool : conversation.tools) {
    if (tool["function"]["name"] == name) one.push_back(tool);
  }
  if (one.empty()) body.fail("tool_choice", fmt::format("there is no tool \"{}\"", name));
  force_calls(service, one, task, 1);
}

void read_template_options(Body& body, Conversation& conversation) {
  if (const auto effort = body.text("reasoning_effort")) {
    conversation.kwargs["reasoning_effort"] = *effort;
    if (*effort == "none") {
      conversation.kwargs["enable_thinking"] = conversation.kwargs["thinking"] = false;
    }
  }
  if (auto kwargs = body.object("chat_template_kwargs")) {
    for (const auto& [key, value] : kwargs->value().items()) conversation.kwargs[key] = value;
  }
}

std::string finish_word(const ChoiceEnd& end) {
  if (end.reason == FinishReason::length) return "length";
  return end.calls ? "tool_calls" : "stop";
}

ordered_json usage_json(const Usage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
          {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
          {"completion_tokens_details", {{"reasoning_tokens", usage.reasoning_tokens}}}};
}

ordered_json token_json(const Service& service, const TokenInfo& token) {
  ordered_json top = ordered_json::array();
  for (const TokenLogprob& one : token.logprobs.top) {
    const std::string text = service.model().tokenizer().decode({&one.token, 1}, false);
    top.push_back({{"token", text}, {"logprob", one.logprob}, {"bytes", bytes_json(text)}});
  }
  return {{"token", token.text},
          {"logprob", token.logprobs.logprob},
          {"bytes", bytes_json(token.text)},
          {"top_logprobs", std::move(top)}};
}

ordered_json logprobs_json(const Service& service, std::span<const TokenInfo> tokens) {
  ordered_json content = ordered_json::array();
  for (const TokenInfo& token : tokens) content.push_back(token_json(service, token));
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

ordered_json error_json(const ApiError& error) {
  const auto or_null = [](const std::string& text) {
    return text.empty() ? ordered_json(nullptr) : ordered_json(text);
  };
  return {{"error",
           {{"message", error.what()},
            {"type", error_type(error.status())},
            {"param", or_null(error.param())},
            {"code", or_null(error.code_word())}}}};
}

void add_usage(const Service& service, const Usage& usage, ordered_json& document) {
  document["usage"] = usage_json(usage);
  document["timings"] = timings_json(service, usage);
}

void end_chunks(const Service& service, const Usage& usage, ordered_json last,
                EventStream& stream) {
  if (!last.is_null()) {
    add_usage(service, usage, last);
    stream.send(last);
  }
  stream.send_text("[DONE]");
  stream.finish();
}

void fail_chunks(const ApiError& error, EventStream& stream) {
  if (!stream.started()) return stream.responder().send(openai_error(error));
  stream.send(error_json(error));
  stream.finish();
}

HttpResponse openai_error(const ApiError& error) {
  return json_response(error_json(error), error.status());
}

}  // namespace tarn::server
