// Ollama: /api/chat, /api/generate, /api/tags, /api/show, /api/ps, /api/version
#include <algorithm>
#include <chrono>
#include <ctime>

#include "tarn/server/api/openai.h"

namespace tarn::server {
namespace {

constexpr int64_t most_tokens = INT32_MAX;

std::string iso_time(std::chrono::system_clock::time_point when) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(when);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(
                          when.time_since_epoch() % std::chrono::seconds(1))
                          .count();
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     micros);
}
std::string iso_now() { return iso_time(std::chrono::system_clock::now()); }

struct OllamaRequest {
  Task task;
  bool stream = true;
  bool chat = true;
};

// Under "options", Ollama's names; the rest of them are read by read_sampling.
void read_options(Service& service, Body& body, Task& task) {
  const ordered_json none = ordered_json::object();
  const ordered_json* given = body.find("options");
  Body options(given == nullptr ? none : *given, "options");
  read_sampling(service, options, task);
  if (const auto predict = options.integer("num_predict", -2, most_tokens);
      predict && *predict > 0) {
    task.options.max_tokens = *predict;
  }
  if (const auto last = options.integer("repeat_last_n", -1, most_tokens)) {
    task.options.sampler.penalty_last_n = std::max<int64_t>(0, *last);
  }
  if (const auto context = options.integer("num_ctx", 1, most_tokens);
      context && service.context() > 0 && *context > service.context()) {
    options.fail("num_ctx",
                 fmt::format("the context of this server has {} tokens", service.context()));
  }
  // How the work is done is the server's matter.
  options.accept(
      {"num_keep", "num_batch", "num_gpu", "main_gpu", "use_mmap", "num_thread", "numa"});
  options.finish();
}

void read_ollama_format(Service& service, Body& body, Task& task) {
  const ordered_json* format = body.find("format");
  if (format == nullptr || *format == ordered_json("")) return;
  if (*format == "json") return use_json_object(service, task);
  if (!format->is_object()) body.fail("format", "it must be \"json\" or a JSON schema");
  use_schema(service, *format, "format", task);
}

void read_think(Body& body, Conversation& conversation) {
  const ordered_json* think = body.find("think");
  if (think == nullptr) return;
  if (think->is_boolean()) {
    conversation.kwargs["enable_thinking"] = conversation.kwargs["thinking"] = *think;
  } else if (think->is_string()) {
    conversation.kwargs["enable_thinking"] = conversation.kwargs["thinking"] = true;
    conversation.kwargs["reasoning_effort"] = *think;
  } else {
    body.fail("think", "it must be true, false or a level");
  }
}

void read_common(Service& service, Body& body, OllamaRequest& request) {
  check_model(service, body);
  read_options(service, body, request.task);
  read_ollama_format(service, body, request.task);
  request.stream = body.boolean("stream").value_or(true);
  if (body.boolean("logprobs").value_or(false)) {
    body.fail("logprobs", "it is not supported here; /v1/chat/completions has it");
  }
  body.accept({"keep_alive"});
}

// Ollama's calls have arguments as objects, and no ids.
ordered_json to_openai(const Body& body, const ordered_json& messages) {
  ordered_json all = ordered_json::array();
  for (size_t i = 0; i < messages.size(); ++i) {
    const std::string place = fmt::format("messages[{}]", i);
    Body fields(messages[i], place);
    const auto role = fields.choice("role", {"system", "user", "assistant", "tool"});
    if (!role) fields.fail("role", "it is missing");
    ordered_json message{{"role", *role}, {"content", fields.text("content").value_or("")}};
    if (const ordered_json* images = fields.list("images", 64); images && !images->empty()) {
      fields.fail("images", "this model takes text only");
    }
    if (const auto thinking = fields.text("thinking")) message["reasoning_content"] = *thinking;
    if (const ordered_json* calls = fields.list("tool_calls", 256); calls && !calls->empty()) {
      message["tool_calls"] = *calls;
      for (ordered_json& call : message["tool_calls"]) {
        if (call.is_object() && !call.contains("type")) call["type"] = "function";
      }
    }
    for (const char* name : {"tool_name", "name"}) {
      if (const auto tool = fields.text(name)) message["name"] = *tool;
    }
    if (const auto id = fields.text("tool_call_id")) message["tool_call_id"] = *id;
    fields.finish();
    all.push_back(std::move(message));
  }
  if (all.empty()) body.fail("messages", "it must be a list of at least one message");
  return all;
}

ordered_json durations(const Usage& usage) {
  const auto nanoseconds = [](double seconds) { return static_cast<int64_t>(seconds * 1e9); };
  return {{"total_duration", nanoseconds(usage.first_token_seconds + usage.decode_seconds)},
          {"load_duration", 0},
          {"prompt_eval_count", usage.prompt_tokens},
          {"prompt_eval_duration", nanoseconds(usage.prefill_seconds)},
          {"eval_count", usage.completion_tokens},
          {"eval_duration", nanoseconds(usage.decode_seconds)}};
}

const char* done_reason(const ChoiceEnd& end) {
  return end.reason == FinishReason::length ? "length" : "stop";
}

ordered_json arguments_of(const std::string& text) {
  ordered_json arguments = ordered_json::parse(text, nullptr, false);
  return arguments.is_object() ? arguments : ordered_json::object();
}

class OllamaStream final : public Receiver {
 public:
  OllamaStream(Service& service, ResponderPtr responder, bool chat)
      : service_(service), stream_(std::move(responder), EventStream::Kind::lines), chat_(chat) {}

  void begin(const Usage&) override { stream_.start(); }

  void events(size_t, const std::vector<text::OutputEvent>& events,
              std::span<const TokenInfo>) override {
    using Kind = text::OutputEvent::Kind;
    for (const text::OutputEvent& event : events) {
      if (event.kind == Kind::content) send_text("content", event.text);
      if (event.kind == Kind::reasoning) send_text("thinking", event.text);
      if (event.kind == Kind::call_begin) call_ = event.name;
      if (event.kind == Kind::call_arguments) {
        ordered_json line = frame();
        line["message"] = {
            {"role", "assistant"},
            {"content", ""},
            {"tool_calls", ordered_json::array({{{"function",
                                                  {{"index", event.index},
                                                   {"name", call_},
                                                   {"arguments", arguments_of(event.text)}}}}})}};
        line["done"] = false;
        stream_.send(line);
      }
    }
  }
  void end(size_t, const ChoiceEnd& end) override { end_ = end; }
  void done(const Usage& usage) override {
    ordered_json line = frame();
    put_text(line, "content", "");
    line["done"] = true;
    line["done_reason"] = done_reason(end_);
    line.update(durations(usage));
    stream_.send(line);
    stream_.finish();
  }
  void failed(const ApiError& error) override {
    if (!stream_.started()) return stream_.responder().send(ollama_error(error));
    stream_.send({{"error", error.what()}});
    stream_.finish();
  }

 private:
  ordered_json frame() const { return {{"model", service_.name()}, {"created_at", iso_now()}}; }
  void put_text(ordered_json& line, const char* kind, const std::string& text) const {
    if (!chat_) {
      line["response"] = kind == std::string_view("content") ? text : "";
      if (kind == std::string_view("thinking")) line["thinking"] = text;
      return;
    }
    line["message"] = {{"role", "assistant"}, {"content", ""}};
    line["message"][kind] = text;
  }
  void send_text(const char* kind, const std::string& text) {
    ordered_json line = frame();
    put_text(line, kind, text);
    line["done"] = false;
    stream_.send(line);
  }

  Service& service_;
  EventStream stream_;
  const bool chat_;
  std::string call_;
  ChoiceEnd end_;
};

HttpResponse document(const Service& service, const ChoiceResult& result, const Usage& usage,
                      bool chat) {
  ordered_json answer{{"model", service.name()}, {"created_at", iso_now()}};
  if (chat) {
    ordered_json message{{"role", "assistant"}, {"content", result.content}};
    if (!result.reasoning.empty()) message["thinking"] = result.reasoning;
    if (!result.calls.empty()) {
      message["tool_calls"] = ordered_json::array();
      for (const ChoiceResult::Call& call : result.calls) {
        message["tool_calls"].push_back(
            {{"function", {{"name", call.name}, {"arguments", arguments_of(call.arguments)}}}});
      }
    }
    answer["message"] = std::move(message);
  } else {
    answer["response"] = result.content;
    if (!result.reasoning.empty()) answer["thinking"] = result.reasoning;
  }
  answer["done"] = true;
  answer["done_reason"] = done_reason(result.end);
  answer.update(durations(usage));
  return json_response(answer);
}

void answer(Service& service, const HttpRequest& request, OllamaRequest ollama,
            const ResponderPtr& responder) {
  ollama.task.client = request.client;
  const bool chat = ollama.chat;
  const std::shared_ptr<Receiver> receiver =
      ollama.stream ? std::make_shared<OllamaStream>(service, responder, chat)
                    : whole_answer(
                          responder, 1,
                          [&service, chat](const auto& results, const Usage& usage) {
                            return document(service, results[0], usage, chat);
                          },
                          ollama_error);
  run(service, std::move(ollama.task), responder, receiver);
}

// A request without a prompt asks only that the model is there.
void answer_loaded(const Service& service, const ResponderPtr& responder, bool chat) {
  ordered_json answer{{"model", service.name()}, {"created_at", iso_now()}};
  if (chat) {
    answer["message"] = {{"role", "assistant"}, {"content", ""}};
  } else {
    answer["response"] = "";
  }
  answer["done"] = true;
  answer["done_reason"] = "load";
  responder->send(json_response(answer));
}

ordered_json details(const Service& service) {
  const ModelConfig& config = service.model().model().config();
  const ModelSize& size = service.model().model().size();
  return {{"parent_model", ""},
          {"format", "tarn"},
          {"family", config.model_type},
          {"families", ordered_json::array({config.model_type})},
          {"parameter_size", fmt::format("{:.1f}M", static_cast<double>(size.parameters) / 1e6)},
          {"quantization_level", size.format}};
}

ordered_json model_entry(const Service& service) {
  const ModelSize& size = service.model().model().size();
  return {{"name", service.name()},
          {"model", service.name()},
          {"modified_at", iso_time(service.started())},
          {"size", size.weight_bytes},
          {"digest", ""},
          {"details", details(service)}};
}

}  // namespace

HttpResponse ollama_error(const ApiError& error) {
  return json_response({{"error", error.what()}}, error.status());
}

void ollama_chat(Service& service, const HttpRequest& request, const ResponderPtr& responder) {
  const ordered_json document_body = parse_body(request.body, request.header("content-type"));
  Body body(document_body);
  OllamaRequest ollama;
  read_common(service, body, ollama);
  const ordered_json* messages = body.list("messages", 100000);
  Conversation conversation;
  read_tools(service, body, conversation, ollama.task);
  read_think(body, conversation);
  body.finish();
  if (messages == nullptr || messages->empty()) return answer_loaded(service, responder, true);
  conversation.messages = to_openai(body, *messages);
  make_prompt(service, conversation, ollama.task);
  answer(service, request, std::move(ollama), responder);
}

void ollama_generate(Service& service, const HttpRequest& request, const ResponderPtr& responder) {
  const ordered_json document_body = parse_body(request.body, request.header("content-type"));
  Body body(document_body);
  OllamaRequest ollama;
  ollama.chat = false;
  read_common(service, body, ollama);
  const std::string prompt = body.text("prompt").value_or("");
  const auto system = body.text("system");
  const bool raw = body.boolean("raw").value_or(false);
  Conversation conversation;
  read_think(body, conversation);
  for (const char* key : {"suffix", "template"}) {
    if (const auto text = body.text(key); text && !text->empty())
      body.fail(key, "it is not supported");
  }
  if (const ordered_json* images = body.list("images", 64); images && !images->empty()) {
    body.fail("images", "this model takes text only");
  }
  if (const ordered_json* context = body.find("context"); context && !context->empty()) {
    body.fail("context", "it is deprecated and not supported; use /api/chat");
  }
  body.finish();
  if (prompt.empty()) return answer_loaded(service, responder, false);
  if (raw || !service.model().has_chat_template()) {
    make_prompt(service, prompt, ollama.task);
  } else {
    conversation.messages = ordered_json::array();
    if (system && !system->empty()) {
      conversation.messages.push_back({{"role", "system"}, {"content", *system}});
    }
    conversation.messages.push_back({{"role", "user"}, {"content", prompt}});
    make_prompt(service, conversation, ollama.task);
  }
  answer(service, request, std::move(ollama), responder);
}

void ollama_tags(Service& service, const HttpRequest&, const ResponderPtr& responder) {
  responder->send(json_response({{"models", ordered_json::array({model_entry(service)})}}));
}

void ollama_show(Service& service, const HttpRequest& request, const ResponderPtr& responder) {
  const ordered_json document_body = parse_body(request.body, request.header("content-type"));
  Body body(document_body);
  if (const auto name = body.text("name"); name && *name != service.name()) {
    throw ApiError(404, fmt::format("model \"{}\" not found", *name), "name");
  }
  check_model(service, body);
  body.accept({"verbose"});
  body.finish();
  const ModelConfig& config = service.model().model().config();
  const std::string& family = config.model_type;
  ordered_json capabilities = ordered_json::array({"completion", "embedding"});
  if (service.model().has_chat_template()) capabilities.push_back("tools");
  responder->send(
      json_response({{"modelfile", ""},
                     {"parameters", ""},
                     {"template", service.model().chat_template_source()},
                     {"details", details(service)},
                     {"model_info",
                      {{"general.architecture", family},
                       {"general.parameter_count", service.model().model().size().parameters},
                       {family + ".context_length", service.context()},
                       {family + ".embedding_length", config.hidden_size},
                       {family + ".block_count", config.num_hidden_layers},
                       {family + ".attention.head_count", config.num_attention_heads}}},
                     {"capabilities", std::move(capabilities)},
                     {"modified_at", iso_time(service.started())}}));
}

void ollama_ps(Service& service, const HttpRequest&, const ResponderPtr& responder) {
  ordered_json entry = model_entry(service);
  entry.erase("modified_at");
  entry["expires_at"] = "2318-01-01T00:00:00Z";  // it stays loaded
  entry["size_vram"] = 0;
  entry["context_length"] = service.context();
  responder->send(json_response({{"models", ordered_json::array({std::move(entry)})}}));
}

void ollama_version(Service&, const HttpRequest&, const ResponderPtr& responder) {
  // The version of the API that clients expect, not of this program.
  responder->send(json_response({{"version", "0.12.0"}}));
}

}  // namespace tarn::server
