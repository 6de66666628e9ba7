// POST /v1/messages and /v1/messages/count_tokens
#include "tarn/server/api/openai.h"

namespace tarn::server {
namespace {

constexpr size_t most_messages = 100000;

// A content that is a text or a list of blocks, as a list of blocks.
ordered_json blocks_of(const Body& body, const ordered_json& content, const std::string& place) {
  if (content.is_string()) {
    return ordered_json::array({{{"type", "text"}, {"text", content}}});
  }
  if (!content.is_array()) body.fail(place, "it must be a text or a list of content blocks");
  return content;
}

std::string text_of_blocks(const Body& body, const ordered_json& content,
                           const std::string& place) {
  std::string text;
  for (const ordered_json& block : blocks_of(body, content, place)) {
    if (!block.is_object() || text_field(block, "type", place) != "text") {
      body.fail(place, "only blocks of text are supported here");
    }
    text += text_field(block, "text", place);
  }
  return text;
}

// What a user sends: text, and results of tools, each a message of its own in the order they stand.
void add_user(const Body& body, const ordered_json& content, const std::string& place,
              ordered_json& messages) {
  std::string text;
  const auto flush = [&] {
    if (!text.empty()) messages.push_back({{"role", "user"}, {"content", std::exchange(text, "")}});
  };
  for (const ordered_json& block : blocks_of(body, content, place)) {
    const std::string type = block.is_object() ? text_field(block, "type", place) : "";
    if (type == "text") {
      text += text_field(block, "text", place);
    } else if (type == "tool_result") {
      flush();
      const ordered_json result = block.contains("content") ? block["content"] : ordered_json("");
      messages.push_back({{"role", "tool"},
                          {"tool_call_id", text_field(block, "tool_use_id", place)},
                          {"content", text_of_blocks(body, result, place)}});
    } else {
      body.fail(place, fmt::format("content of type \"{}\" is not supported", type));
    }
  }
  const bool nothing = messages.empty() || messages.back()["role"] != "tool";
  if (text.empty() && nothing) messages.push_back({{"role", "user"}, {"content", ""}});
  flush();
}

void add_assistant(const Body& body, const ordered_json& content, const std::string& place,
                   ordered_json& messages) {
  ordered_json message{{"role", "assistant"}, {"content", ""}};
  std::string text, reasoning;
  ordered_json calls = ordered_json::array();
  for (const ordered_json& block : blocks_of(body, content, place)) {
    const std::string type = block.is_object() ? text_field(block, "type", place) : "";
    if (type == "text") {
      text += text_field(block, "text", place);
    } else if (type == "thinking") {
      reasoning += text_field(block, "thinking", place);
    } else if (type == "tool_use") {
      const ordered_json input = block.contains("input") ? block["input"] : ordered_json::object();
      calls.push_back(
          {{"id", text_field(block, "id", place)},
           {"type", "function"},
           {"function", {{"name", text_field(block, "name", place)}, {"arguments", input}}}});
    } else if (type != "redacted_thinking") {
      body.fail(place, fmt::format("content of type \"{}\" is not supported", type));
    }
  }
  message["content"] = text;
  if (!reasoning.empty()) message["reasoning_content"] = reasoning;
  if (!calls.empty()) message["tool_calls"] = std::move(calls);
  messages.push_back(std::move(message));
}

void read_messages(Body& body, Conversation& conversation) {
  conversation.messages = ordered_json::array();
  if (const ordered_json* system = body.find("system")) {
    conversation.messages.push_back(
        {{"role", "system"}, {"content", text_of_blocks(body, *system, "system")}});
  }
  const ordered_json* messages = body.list("messages", most_messages);
  if (messages == nullptr || messages->empty()) {
    body.fail("messages", "it must be a list of at least one message");
  }
  for (size_t i = 0; i < messages->size(); ++i) {
    const std::string place = fmt::format("messages[{}]", i);
    Body message((*messages)[i], place);
    const auto role = message.choice("role", {"user", "assistant", "system"});
    if (!role) message.fail("role", "it is missing");
    const ordered_json& content = message.require("content");
    if (*role == "user") {
      add_user(body, content, place + ".content", conversation.messages);
    } else if (*role == "assistant") {
      add_assistant(body, content, place + ".content", conversation.messages);
    } else {
      conversation.messages.push_back(
          {{"role", "system"}, {"content", text_of_blocks(body, content, place + ".content")}});
    }
  }
}

void read_anthropic_tools(Service& service, Body& body, Conversation& conversation, Task& task) {
  if (const ordered_json* tools = body.list("tools", 256); tools && !tools->empty()) {
    conversation.tools = ordered_json::array();
    for (size_t i = 0; i < tools->size(); ++i) {
      Body tool((*tools)[i], fmt::format("tools[{}]", i));
      if (const auto type = tool.text("type"); type && *type != "custom") {
        tool.fail("type", fmt::format("tools of type \"{}\" run at Anthropic, not here", *type));
      }
      ordered_json function{{"name", tool.require_text("name")}};
      if (const auto description = tool.text("description")) function["description"] = *description;
      function["parameters"] = tool.require("input_schema");
      tool.accept({"cache_control", "input_examples", "strict"});
      tool.finish();
      conversation.tools.push_back({{"type", "function"}, {"function", std::move(function)}});
    }
  }
  auto choice = body.object("tool_choice");
  if (!choice) return;
  const auto type = choice->choice("type", {"auto", "any", "tool", "none"});
  const int most = choice->boolean("disable_parallel_tool_use").value_or(false) ? 1 : 8;
  const auto name = choice->text("name");
  choice->finish();
  if (!type) choice->fail("type", "it is missing");
  if (*type == "none") conversation.tools = nullptr;
  if (*type != "any" && *type != "tool") return;
  if (conversation.tools.is_null()) body.fail("tool_choice", "there are no tools to choose from");
  if (*type == "any") return force_calls(service, conversation.tools, task, most);
  ordered_json one = ordered_json::array();
  for (const ordered_json& tool : conversation.tools) {
    if (name && tool["function"]["name"] == *name) one.push_back(tool);
  }
  if (one.empty()) choice->fail("name", fmt::format("there is no tool \"{}\"", name.value_or("")));
  force_calls(service, one, task, 1);
}

void read_thinking(Body& body, Conversation& conversation) {
  auto thinking = body.object("thinking");
  if (!thinking) return;
  const auto type = thinking->choice("type", {"enabled", "disabled", "adaptive"});
  thinking->accept({"budget_tokens", "display"});
  thinking->finish();
  if (!type) thinking->fail("type", "it is missing");
  conversation.kwargs["enable_thinking"] = conversation.kwargs["thinking"] = *type != "disabled";
}

const char* stop_reason(const ChoiceEnd& end) {
  if (end.reason == FinishReason::length) return "max_tokens";
  if (end.calls) return "tool_use";
  return end.stop_string.empty() ? "end_turn" : "stop_sequence";
}

ordered_json stop_sequence(const ChoiceEnd& end) {
  return end.stop_string.empty() ? ordered_json(nullptr) : ordered_json(end.stop_string);
}

ordered_json anthropic_usage(const Usage& usage) {
  return {{"input_tokens", usage.prompt_tokens - usage.cached_tokens},
          {"cache_creation_input_tokens", 0},
          {"cache_read_input_tokens", usage.cached_tokens},
          {"output_tokens", usage.completion_tokens}};
}

ordered_json parsed_arguments(const std::string& text) {
  ordered_json input = ordered_json::parse(text, nullptr, false);
  return input.is_object() ? input : ordered_json::object();
}

// Anthropic's clients know ids by this beginning.
std::string use_id(const std::string& id) {
  return id.starts_with("call_") ? "toolu_" + id.substr(5) : id;
}

HttpResponse document(const Service& service, const ChoiceResult& result, const Usage& usage) {
  ordered_json content = ordered_json::array();
  if (!result.reasoning.empty()) {
    content.push_back({{"type", "thinking"}, {"thinking", result.reasoning}, {"signature", ""}});
  }
  if (!result.content.empty() || result.calls.empty()) {
    content.push_back({{"type", "text"}, {"text", result.content}});
  }
  for (const ChoiceResult::Call& call : result.calls) {
    content.push_back({{"type", "tool_use"},
                       {"id", use_id(call.id)},
                       {"name", call.name},
                       {"input", parsed_arguments(call.arguments)}});
  }
  return json_response({{"id", random_id("msg_")},
                        {"type", "message"},
                        {"role", "assistant"},
                        {"model", service.name()},
                        {"content", std::move(content)},
                        {"stop_reason", stop_reason(result.end)},
                        {"stop_sequence", stop_sequence(result.end)},
                        {"usage", anthropic_usage(usage)}});
}

// message_start, then for each block content_block_start, _delta ..., _stop, then message_delta
// and message_stop.
class MessageStream final : public Receiver {
 public:
  MessageStream(Service& service, ResponderPtr responder)
      : service_(service), stream_(std::move(responder), EventStream::Kind::events) {}

  void begin(const Usage& usage) override {
    send("message_start", {{"message",
                            {{"id", random_id("msg_")},
                             {"type", "message"},
                             {"role", "assistant"},
                             {"model", service_.name()},
                             {"content", ordered_json::array()},
                             {"stop_reason", nullptr},
                             {"stop_sequence", nullptr},
                             {"usage", anthropic_usage(usage)}}}});
  }

  void events(size_t, const std::vector<text::OutputEvent>& events,
              std::span<const TokenInfo>) override {
    using Kind = text::OutputEvent::Kind;
    for (const text::OutputEvent& event : events) {
      switch (event.kind) {
        case Kind::reasoning:
          open("thinking", {{"type", "thinking"}, {"thinking", ""}, {"signature", ""}});
          delta({{"type", "thinking_delta"}, {"thinking", event.text}});
          break;
        case Kind::content:
          open("text", {{"type", "text"}, {"text", ""}});
          delta({{"type", "text_delta"}, {"text", event.text}});
          break;
        case Kind::call_begin:
          close();
          open("tool_use", {{"type", "tool_use"},
                            {"id", use_id(event.id)},
                            {"name", event.name},
                            {"input", ordered_json::object()}});
          break;
        case Kind::call_arguments:
          delta({{"type", "input_json_delta"}, {"partial_json", event.text}});
          break;
        case Kind::call_end:
          close();
          break;
      }
    }
  }

  void end(size_t, const ChoiceEnd& end) override {
    close();
    end_ = end;
  }

  void done(const Usage& usage) override {
    send("message_delta",
         {{"delta", {{"stop_reason", stop_reason(end_)}, {"stop_sequence", stop_sequence(end_)}}},
          {"usage", anthropic_usage(usage)}});
    send("message_stop", ordered_json::object());
    stream_.finish();
  }

  void failed(const ApiError& error) override {
    if (!stream_.started()) return stream_.responder().send(anthropic_error(error));
    send("error", {{"error", {{"type", error_type(error.status())}, {"message", error.what()}}}});
    stream_.finish();
  }

 private:
  void send(const char* type, const ordered_json& fields) {
    ordered_json event{{"type", type}};
    event.update(fields);
    stream_.send(event, type);
  }
  void open(const char* kind, const ordered_json& block) {
    if (open_ == kind) return;
    close();
    open_ = kind;
    send("content_block_start", {{"index", index_}, {"content_block", block}});
  }
  void delta(const ordered_json& delta) {
    send("content_block_delta", {{"index", index_}, {"delta", delta}});
  }
  void close() {
    if (open_.empty()) return;
    open_.clear();
    send("content_block_stop", {{"index", index_++}});
  }

  Service& service_;
  EventStream stream_;
  std::string open_;  // the kind of the block that is open
  int64_t index_ = 0;
  ChoiceEnd end_;
};

void read_conversation(Service& service, Body& body, Conversation& conversation, Task& task) {
  check_model(service, body);
  read_messages(body, conversation);
  read_thinking(body, conversation);
  read_anthropic_tools(service, body, conversation, task);
  body.accept({"metadata", "service_tier", "cache_control", "inference_geo", "container"});
}

}  // namespace

HttpResponse anthropic_error(const ApiError& error) {
  return json_response(
      {{"type", "error"},
       {"error", {{"type", error_type(error.status())}, {"message", error.what()}}},
       {"request_id", random_id("req_")}},
      error.status());
}

void anthropic_messages(Service& service, const HttpRequest& request,
                        const ResponderPtr& responder) {
  const ordered_json document_body = parse_body(request.body, request.header("content-type"));
  Body body(document_body);
  Task task;
  read_sampling(service, body, task);
  Conversation conversation;
  read_conversation(service, body, conversation, task);
  body.require("max_tokens");
  task.options.max_tokens = *body.integer("max_tokens", 1, INT32_MAX);
  if (!task.options.stop.empty()) {
    body.fail("stop", "this API calls it stop_sequences");
  }
  task.options.stop = body.texts("stop_sequences", 16);
  for (const std::string& stop : task.options.stop) {
    if (stop.empty()) body.fail("stop_sequences", "a stop string is empty");
  }
  if (auto config = body.object("output_config")) {
    if (auto format = config->object("format")) {
      format->choice("type", {"json_schema"});
      use_schema(service, format->require("schema"), format->path("schema"), task);
      format->finish();
    }
    config->accept({"effort"});
    config->finish();
  }
  const bool stream = body.boolean("stream").value_or(false);
  body.finish();
  make_prompt(service, conversation, task);
  task.client = request.client;
  const std::shared_ptr<Receiver> receiver =
      stream ? std::make_shared<MessageStream>(service, responder)
             : whole_answer(
                   responder, 1,
                   [&service](const auto& results, const Usage& usage) {
                     return document(service, results[0], usage);
                   },
                   anthropic_error);
  run(service, std::move(task), responder, receiver);
}

void anthropic_count(Service& service, const HttpRequest& request, const ResponderPtr& responder) {
  const ordered_json document_body = parse_body(request.body, request.header("content-type"));
  Body body(document_body);
  Conversation conversation;
  Task ignored;
  read_conversation(service, body, conversation, ignored);
  body.finish();
  const std::string prompt = render(service, conversation);
  responder->send(json_response(
      {{"input_tokens", service.model().tokenizer().encode(prompt, false).ids.size()}}));
}

}  // namespace tarn::server
