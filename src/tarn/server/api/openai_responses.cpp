// POST /v1/responses
#include "tarn/server/api/openai.h"

namespace tarn::server {
namespace {

constexpr size_t most_items = 100000;

// A text, or a list of parts with texts.
std::string text_of(const Body& body, const ordered_json& content, const std::string& place) {
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) body.fail(place, "it must be a text or a list of parts");
  std::string text;
  for (const ordered_json& part : content) {
    const std::string type = part.is_object() ? text_field(part, "type", place) : "";
    if (type != "input_text" && type != "output_text" && type != "text") {
      body.fail(place, fmt::format("parts of type \"{}\" are not supported", type));
    }
    text += text_field(part, "text", place);
  }
  return text;
}

void add_call(const ordered_json& item, const std::string& place, ordered_json& messages) {
  const ordered_json call{{"id", text_field(item, "call_id", place)},
                          {"type", "function"},
                          {"function",
                           {{"name", text_field(item, "name", place)},
                            {"arguments", text_field(item, "arguments", place)}}}};
  // Calls belong to the answer before them.
  const bool joins = !messages.empty() && messages.back()["role"] == "assistant";
  if (!joins) messages.push_back({{"role", "assistant"}, {"content", ""}});
  messages.back()["tool_calls"].push_back(call);
}

void add_item(const Body& body, const ordered_json& item, const std::string& place,
              ordered_json& messages) {
  if (!item.is_object()) body.fail(place, "it must be an object");
  std::string type = text_field(item, "type", place);
  if (type.empty() && item.contains("role")) type = "message";
  if (type == "message") {
    const std::string role = text_field(item, "role", place);
    if (role != "user" && role != "assistant" && role != "system" && role != "developer") {
      body.fail(place + ".role", fmt::format("it is \"{}\", which is no role here", role));
    }
    if (!item.contains("content")) body.fail(place + ".content", "it is missing");
    messages.push_back({{"role", role}, {"content", text_of(body, item["content"], place)}});
  } else if (type == "function_call") {
    add_call(item, place, messages);
  } else if (type == "function_call_output") {
    const ordered_json output = item.contains("output") ? item["output"] : ordered_json("");
    messages.push_back({{"role", "tool"},
                        {"tool_call_id", text_field(item, "call_id", place)},
                        {"content", text_of(body, output, place + ".output")}});
  } else if (type != "reasoning") {
    body.fail(place, fmt::format("items of type \"{}\" are not supported", type));
  }
}

void read_input(Body& body, Conversation& conversation) {
  conversation.messages = ordered_json::array();
  if (const auto instructions = body.text("instructions")) {
    conversation.messages.push_back({{"role", "system"}, {"content", *instructions}});
  }
  const ordered_json& input = body.require("input");
  if (input.is_string()) {
    conversation.messages.push_back({{"role", "user"}, {"content", input}});
    return;
  }
  if (!input.is_array() || input.empty() || input.size() > most_items) {
    body.fail("input", "it must be a text or a list of at least one item");
  }
  for (size_t i = 0; i < input.size(); ++i) {
    add_item(body, input[i], fmt::format("input[{}]", i), conversation.messages);
  }
}

// The flat form of this API, into the nested one of chat completions.
ordered_json nested_tools(const Body& body, const ordered_json& tools) {
  ordered_json all = ordered_json::array();
  for (size_t i = 0; i < tools.size(); ++i) {
    Body tool(tools[i], fmt::format("tools[{}]", i));
    tool.choice("type", {"function"});
    ordered_json function{{"name", tool.require_text("name")}};
    if (const auto description = tool.text("description")) function["description"] = *description;
    if (const ordered_json* schema = tool.find("parameters")) function["parameters"] = *schema;
    tool.accept({"strict"});
    tool.finish();
    all.push_back({{"type", "function"}, {"function", std::move(function)}});
  }
  if (all.empty()) body.fail("tools", "the list is empty");
  return all;
}

void read_response_tools(Service& service, Body& body, const ordered_json& document,
                         Conversation& conversation, Task& task) {
  ordered_json as_chat = ordered_json::object();
  if (const ordered_json* tools = body.list("tools", 256); tools && !tools->empty()) {
    as_chat["tools"] = nested_tools(body, *tools);
  }
  body.accept({"tool_choice", "parallel_tool_calls"});
  for (const char* key : {"tool_choice", "parallel_tool_calls"}) {
    if (document.contains(key)) as_chat[key] = document[key];
  }
  Body fields(as_chat);
  read_tools(service, fields, conversation, task);
}

void read_text_format(Service& service, Body& body, Task& task) {
  auto text = body.object("text");
  if (!text) return;
  if (auto format = text->object("format")) {
    const auto type = format->choice("type", {"text", "json_object", "json_schema"});
    if (!type) format->fail("type", "it is missing");
    if (*type == "json_object") use_json_object(service, task);
    if (*type == "json_schema") {
      use_schema(service, format->require("schema"), format->path("schema"), task);
    }
    format->accept({"name", "strict", "description"});
    format->finish();
  }
  text->accept({"verbosity"});
  text->finish();
}

struct ResponseRequest {
  Task task;
  bool stream = false;
  ordered_json echoed;  // what the answer repeats of the request
};

ResponseRequest read_request(Service& service, const HttpRequest& request) {
  const ordered_json document = parse_body(request.body, request.header("content-type"));
  Body body(document);
  ResponseRequest response;
  check_model(service, body);
  accept_bookkeeping(body);
  body.accept({"include", "truncation", "background", "max_tool_calls", "prompt"});
  for (const char* key : {"previous_response_id", "conversation"}) {
    if (body.find(key) != nullptr) {
      body.fail(key, "this server keeps no conversations; send all items as input");
    }
  }
  body.accept_only("background", false, "answers are given at once");
  body.accept_only("truncation", "disabled", "nothing of the input is left out");
  read_sampling(service, body, response.task);
  Conversation conversation;
  read_input(body, conversation);
  read_text_format(service, body, response.task);
  read_response_tools(service, body, document, conversation, response.task);
  if (auto reasoning = body.object("reasoning")) {
    if (const auto effort = reasoning->text("effort")) {
      conversation.kwargs["reasoning_effort"] = *effort;
      if (*effort == "none") conversation.kwargs["enable_thinking"] = false;
    }
    reasoning->accept({"summary", "generate_summary"});
    reasoning->finish();
  }
  if (const auto most = body.integer("max_output_tokens", 1, INT32_MAX)) {
    response.task.options.max_tokens = *most;
  }
  if (const auto top = body.integer("top_logprobs", 0, 20); top && *top > 0) {
    body.fail("top_logprobs", "it is not supported here; /v1/chat/completions has it");
  }
  response.stream = body.boolean("stream").value_or(false);
  if (auto options = body.object("stream_options")) {
    options->accept({"include_obfuscation"});
    options->finish();
  }
  body.finish();
  const auto given = [&](const char* key, const ordered_json& otherwise) {
    return document.contains(key) && !document[key].is_null() ? document[key] : otherwise;
  };
  const SamplerOptions& sampler = response.task.options.sampler;
  response.echoed = {{"instructions", given("instructions", nullptr)},
                     {"max_output_tokens", given("max_output_tokens", nullptr)},
                     {"metadata", given("metadata", ordered_json::object())},
                     {"parallel_tool_calls", given("parallel_tool_calls", true)},
                     {"previous_response_id", nullptr},
                     {"reasoning", given("reasoning", {{"effort", nullptr}, {"summary", nullptr}})},
                     {"store", false},
                     {"temperature", sampler.temperature},
                     {"text", given("text", {{"format", {{"type", "text"}}}})},
                     {"tool_choice", given("tool_choice", "auto")},
                     {"tools", given("tools", ordered_json::array())},
                     {"top_p", sampler.top_p},
                     {"truncation", "disabled"}};
  make_prompt(service, conversation, response.task);
  return response;
}

ordered_json usage_of(const Usage& usage) {
  return {{"input_tokens", usage.prompt_tokens},
          {"input_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
          {"output_tokens", usage.completion_tokens},
          {"output_tokens_details", {{"reasoning_tokens", usage.reasoning_tokens}}},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
}

ordered_json text_part(const std::string& text) {
  return {{"type", "output_text"},
          {"text", text},
          {"annotations", ordered_json::array()},
          {"logprobs", ordered_json::array()}};
}
ordered_json reasoning_item(const std::string& id, const std::string& text) {
  ordered_json content = ordered_json::array();
  if (!text.empty()) content.push_back({{"type", "reasoning_text"}, {"text", text}});
  return {{"type", "reasoning"},
          {"id", id},
          {"summary", ordered_json::array()},
          {"content", std::move(content)}};
}
ordered_json message_item(const std::string& id, const std::string& text, const char* status) {
  ordered_json content = ordered_json::array();
  if (status != std::string_view("in_progress")) content.push_back(text_part(text));
  return {{"type", "message"},
          {"id", id},
          {"status", status},
          {"role", "assistant"},
          {"content", std::move(content)}};
}
ordered_json call_item(const std::string& id, const ChoiceResult::Call& call, const char* status) {
  return {{"type", "function_call"},     {"id", id},
          {"call_id", call.id},          {"name", call.name},
          {"arguments", call.arguments}, {"status", status}};
}

// The response object, for a state of the answer.
ordered_json response_object(const Service& service, const std::string& id, int64_t created,
                             const ordered_json& echoed, const char* status, ordered_json output) {
  ordered_json object{{"id", id},
                      {"object", "response"},
                      {"created_at", created},
                      {"status", status},
                      {"background", false},
                      {"error", nullptr},
                      {"incomplete_details", nullptr},
                      {"model", service.name()},
                      {"output", std::move(output)},
                      {"usage", nullptr}};
  object.update(echoed);
  return object;
}

const char* final_status(const ChoiceEnd& end) {
  return end.reason == FinishReason::length ? "incomplete" : "completed";
}

void complete(ordered_json& object, const ChoiceEnd& end, const Usage& usage) {
  if (end.reason == FinishReason::length) {
    object["incomplete_details"] = {{"reason", "max_output_tokens"}};
  }
  object["usage"] = usage_of(usage);
}

HttpResponse document(const Service& service, const ChoiceResult& result, const Usage& usage,
                      const ordered_json& echoed) {
  ordered_json output = ordered_json::array();
  if (!result.reasoning.empty())
    output.push_back(reasoning_item(random_id("rs_"), result.reasoning));
  if (!result.content.empty() || result.calls.empty()) {
    output.push_back(message_item(random_id("msg_"), result.content, final_status(result.end)));
  }
  for (const ChoiceResult::Call& call : result.calls) {
    output.push_back(call_item(random_id("fc_"), call, "completed"));
  }
  ordered_json object = response_object(service, random_id("resp_"), now_seconds(), echoed,
                                        final_status(result.end), std::move(output));
  complete(object, result.end, usage);
  return json_response(object);
}

class ResponseStream final : public Receiver {
 public:
  ResponseStream(Service& service, ResponderPtr responder, ordered_json echoed)
      : service_(service),
        stream_(std::move(responder), EventStream::Kind::events),
        echoed_(std::move(echoed)) {}

  void begin(const Usage&) override {
    send("response.created", {{"response", object("in_progress")}});
    send("response.in_progress", {{"response", object("in_progress")}});
  }

  void events(size_t, const std::vector<text::OutputEvent>& events,
              std::span<const TokenInfo>) override {
    using Kind = text::OutputEvent::Kind;
    for (const text::OutputEvent& event : events) {
      switch (event.kind) {
        case Kind::reasoning:
          open(Item::reasoning);
          text_ += event.text;
          send_part("response.reasoning_text.delta", {{"delta", event.text}});
          break;
        case Kind::content:
          open(Item::message);
          text_ += event.text;
          send_part("response.output_text.delta",
                    {{"delta", event.text}, {"logprobs", ordered_json::array()}});
          break;
        case Kind::call_begin:
          close();
          call_ = {event.id, event.name, ""};
          open(Item::call);
          break;
        case Kind::call_arguments:
          call_.arguments += event.text;
          send_item("response.function_call_arguments.delta", {{"delta", event.text}});
          break;
        case Kind::call_end:
          close();
          break;
      }
    }
  }

  void end(size_t, const ChoiceEnd& end) override {
    end_ = end;
    if (open_ == Item::none && output_.empty()) open(Item::message);  // an empty answer is one
    close(final_status(end));
  }

  void done(const Usage& usage) override {
    ordered_json last = object(final_status(end_));
    complete(last, end_, usage);
    send(fmt::format("response.{}", final_status(end_)), {{"response", last}});
    stream_.finish();
  }

  void failed(const ApiError& error) override {
    if (!stream_.started()) return stream_.responder().send(openai_error(error));
    ordered_json last = object("failed");
    last["error"] = {{"code", "server_error"}, {"message", error.what()}};
    send("response.failed", {{"response", last}});
    stream_.finish();
  }

 private:
  enum class Item { none, reasoning, message, call };

  ordered_json object(const char* status) const {
    return response_object(service_, id_, created_, echoed_, status, output_);
  }

  void send(const std::string& type, const ordered_json& fields) {
    ordered_json event{{"type", type}, {"sequence_number", sequence_++}};
    event.update(fields);
    stream_.send(event, type);
  }
  void send_item(const char* type, const ordered_json& fields) {
    ordered_json all{{"item_id", item_id_}, {"output_index", output_.size()}};
    all.update(fields);
    send(type, all);
  }
  void send_part(const char* type, const ordered_json& fields) {
    ordered_json all{{"content_index", 0}};
    all.update(fields);
    send_item(type, all);
  }

  ordered_json item(const char* status) const {
    if (open_ == Item::reasoning) return reasoning_item(item_id_, text_);
    if (open_ == Item::message) return message_item(item_id_, text_, status);
    return call_item(item_id_, call_, status);
  }

  void open(Item kind) {
    if (open_ == kind) return;
    close();
    open_ = kind;
    text_.clear();
    item_id_ = random_id(kind == Item::reasoning ? "rs_" : kind == Item::message ? "msg_" : "fc_");
    send("response.output_item.added",
         {{"output_index", output_.size()}, {"item", item("in_progress")}});
    if (kind == Item::message) send_part("response.content_part.added", {{"part", text_part("")}});
  }

  void close(const char* status = "completed") {
    if (open_ == Item::none) return;
    if (open_ == Item::reasoning) send_part("response.reasoning_text.done", {{"text", text_}});
    if (open_ == Item::message) {
      send_part("response.output_text.done",
                {{"text", text_}, {"logprobs", ordered_json::array()}});
      send_part("response.content_part.done", {{"part", text_part(text_)}});
    }
    if (open_ == Item::call) {
      send_item("response.function_call_arguments.done",
                {{"name", call_.name}, {"arguments", call_.arguments}});
    }
    const ordered_json whole = item(status);
    send("response.output_item.done", {{"output_index", output_.size()}, {"item", whole}});
    output_.push_back(whole);
    open_ = Item::none;
  }

  Service& service_;
  EventStream stream_;
  const ordered_json echoed_;
  const std::string id_ = random_id("resp_");
  const int64_t created_ = now_seconds();
  int64_t sequence_ = 0;
  ordered_json output_ = ordered_json::array();
  Item open_ = Item::none;
  std::string item_id_;
  std::string text_;
  ChoiceResult::Call call_;
  ChoiceEnd end_;
};

}  // namespace

void openai_responses(Service& service, const HttpRequest& request, const ResponderPtr& responder) {
  ResponseRequest response = read_request(service, request);
  response.task.client = request.client;
  const std::shared_ptr<Receiver> receiver =
      response.stream
          ? std::make_shared<ResponseStream>(service, responder, response.echoed)
          : whole_answer(
                responder, 1,
                [&service, echoed = response.echoed](const auto& results, const Usage& usage) {
                  return document(service, results[0], usage, echoed);
                },
                openai_error);
  run(service, std::move(response.task), responder, receiver);
}

}  // namespace tarn::server
