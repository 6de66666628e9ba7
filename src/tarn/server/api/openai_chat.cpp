// POST /v1/chat/completions
#include "tarn/server/api/openai.h"

namespace tarn::server {
namespace {

constexpr int64_t most_choices = 16;
constexpr int64_t most_top_logprobs = 20;

struct ChatRequest {
  Task task;
  bool stream = false;
  bool include_usage = false;
};

ChatRequest read_request(Service& service, const HttpRequest& request) {
  const ordered_json document = parse_body(request.body, request.header("content-type"));
  Body body(document);
  ChatRequest chat;
  check_model(service, body);
  accept_bookkeeping(body);
  read_sampling(service, body, chat.task);

  Conversation conversation;
  conversation.messages = body.require("messages");
  if (!conversation.messages.is_array() || conversation.messages.empty()) {
    body.fail("messages", "it must be a list of at least one message");
  }
  read_format(service, body, chat.task);
  read_tools(service, body, conversation, chat.task);
  read_template_options(body, conversation);

  chat.task.choices = static_cast<size_t>(body.integer("n", 1, most_choices).value_or(1));
  const auto new_name = body.integer("max_completion_tokens", 1, INT32_MAX);
  const auto old_name = body.integer("max_tokens", 1, INT32_MAX);
  if (new_name || old_name) chat.task.options.max_tokens = new_name ? *new_name : *old_name;
  const bool logprobs = body.boolean("logprobs").value_or(false);
  const auto top = body.integer("top_logprobs", 0, most_top_logprobs);
  if (top && !logprobs) body.fail("top_logprobs", "it needs \"logprobs\": true");
  if (logprobs) chat.task.options.top_logprobs = top.value_or(0);

  chat.stream = body.boolean("stream").value_or(false);
  if (auto options = body.object("stream_options")) {
    if (!chat.stream) body.fail("stream_options", "it needs \"stream\": true");
    chat.include_usage = options->boolean("include_usage").value_or(false);
    options->accept({"include_obfuscation"});
    options->finish();
  }
  body.finish();
  make_prompt(service, conversation, chat.task);
  return chat;
}

ordered_json message_json(const ChoiceResult& result) {
  const bool nothing_but_calls = result.content.empty() && !result.calls.empty();
  ordered_json message{
      {"role", "assistant"},
      {"content", nothing_but_calls ? ordered_json(nullptr) : ordered_json(result.content)},
      {"refusal", nullptr}};
  if (!result.reasoning.empty()) message["reasoning_content"] = result.reasoning;
  if (!result.calls.empty()) {
    ordered_json calls = ordered_json::array();
    for (const ChoiceResult::Call& call : result.calls) {
      calls.push_back({{"id", call.id},
                       {"type", "function"},
                       {"function", {{"name", call.name}, {"arguments", call.arguments}}}});
    }
    message["tool_calls"] = std::move(calls);
  }
  return message;
}

HttpResponse document(const Service& service, const std::vector<ChoiceResult>& results,
                      const Usage& usage, bool logprobs) {
  ordered_json choices = ordered_json::array();
  for (size_t i = 0; i < results.size(); ++i) {
    choices.push_back(
        {{"index", i},
         {"message", message_json(results[i])},
         {"logprobs", logprobs ? logprobs_json(service, results[i].tokens) : ordered_json(nullptr)},
         {"finish_reason", finish_word(results[i].end)}});
  }
  return json_response({{"id", random_id("chatcmpl-")},
                        {"object", "chat.completion"},
                        {"created", now_seconds()},
                        {"model", service.name()},
                        {"choices", std::move(choices)},
                        {"usage", usage_json(usage)},
                        {"timings", timings_json(service, usage)}});
}

class ChatStream final : public Receiver {
 public:
  ChatStream(Service& service, ResponderPtr responder, const ChatRequest& request)
      : service_(service),
        stream_(std::move(responder), EventStream::Kind::events),
        include_usage_(request.include_usage),
        logprobs_(request.task.options.top_logprobs >= 0),
        choices_(request.task.choices) {}

  void begin(const Usage&) override {
    for (size_t i = 0; i < choices_; ++i) {
      send(i, {{"role", "assistant"}, {"content", ""}}, nullptr, {});
    }
  }

  void events(size_t choice, const std::vector<text::OutputEvent>& events,
              std::span<const TokenInfo> tokens) override {
    // Tokens whose text is still held back come with the next piece.
    bool told = false;
    for (const text::OutputEvent& event : events) {
      const ordered_json delta = delta_of(event);
      if (delta.is_null()) continue;
      send(choice, delta, nullptr, told ? std::span<const TokenInfo>() : tokens);
      told = true;
    }
    if (!told) send(choice, {{"content", ""}}, nullptr, tokens);
  }

  void end(size_t choice, const ChoiceEnd& end) override {
    send(choice, ordered_json::object(), finish_word(end), {});
  }

  void done(const Usage& usage) override {
    end_chunks(service_, usage, include_usage_ ? frame(ordered_json::array()) : nullptr, stream_);
  }

  void failed(const ApiError& error) override { fail_chunks(error, stream_); }

 private:
  static ordered_json delta_of(const text::OutputEvent& event) {
    using Kind = text::OutputEvent::Kind;
    const auto call = [&](ordered_json fields) -> ordered_json {
      fields["index"] = event.index;
      return {{"tool_calls", ordered_json::array({std::move(fields)})}};
    };
    switch (event.kind) {
      case Kind::reasoning:
        return {{"reasoning_content", event.text}};
      case Kind::content:
        return {{"content", event.text}};
      case Kind::call_begin:
        return call({{"id", event.id},
                     {"type", "function"},
                     {"function", {{"name", event.name}, {"arguments", ""}}}});
      case Kind::call_arguments:
        return call({{"function", {{"arguments", event.text}}}});
      default:
        return nullptr;
    }
  }

  ordered_json frame(ordered_json choices) const {
    ordered_json chunk{{"id", id_},
                       {"object", "chat.completion.chunk"},
                       {"created", created_},
                       {"model", service_.name()},
                       {"choices", std::move(choices)}};
    if (include_usage_) chunk["usage"] = nullptr;
    return chunk;
  }

  void send(size_t choice, const ordered_json& delta, const ordered_json& reason,
            std::span<const TokenInfo> tokens) {
    ordered_json one{{"index", choice}, {"delta", delta}};
    one["logprobs"] =
        logprobs_ && !tokens.empty() ? logprobs_json(service_, tokens) : ordered_json(nullptr);
    one["finish_reason"] = reason;
    stream_.send(frame(ordered_json::array({std::move(one)})));
  }

  Service& service_;
  EventStream stream_;
  const bool include_usage_;
  const bool logprobs_;
  const size_t choices_;
  const std::string id_ = random_id("chatcmpl-");
  const int64_t created_ = now_seconds();
};

}  // namespace

void openai_chat(Service& service, const HttpRequest& request, const ResponderPtr& responder) {
  ChatRequest chat = read_request(service, request);
  chat.task.client = request.client;
  std::shared_ptr<Receiver> receiver;
  if (chat.stream) {
    receiver = std::make_shared<ChatStream>(service, responder, chat);
  } else {
    const bool logprobs = chat.task.options.top_logprobs >= 0;
    receiver = whole_answer(
        responder, chat.task.choices,
        [&service, logprobs](const auto& results, const Usage& usage) {
          return document(service, results, usage, logprobs);
        },
        openai_error);
  }
  run(service, std::move(chat.task), responder, std::move(receiver));
}

}  // namespace tarn::server
