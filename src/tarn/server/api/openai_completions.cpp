// POST /v1/completions
#include <algorithm>

#include "tarn/server/api/openai.h"

namespace tarn::server {
namespace {

constexpr int64_t most_choices = 16;
constexpr int64_t most_logprobs = 20;

struct CompletionRequest {
  Task task;
  std::string echo;  // the prompt, if it is to stand before the answer
  bool stream = false;
  bool include_usage = false;
};

// A text, or a list of token ids; one of either.
void read_prompt(Service& service, Body& body, CompletionRequest& completion) {
  const ordered_json* prompt = &body.require("prompt");
  if (prompt->is_array() && prompt->size() == 1 && !prompt->front().is_number()) {
    prompt = &prompt->front();
  }
  if (prompt->is_string()) return make_prompt(service, prompt->get<std::string>(), completion.task);
  const int64_t vocab = service.model().model().config().vocab_size;
  const bool ids =
      prompt->is_array() && !prompt->empty() &&
      std::all_of(prompt->begin(), prompt->end(), [&](const ordered_json& id) {
        return id.is_number_integer() && id.get<int64_t>() >= 0 && id.get<int64_t>() < vocab;
      });
  if (!ids) {
    body.fail("prompt",
              fmt::format("it must be one text, or one list of token ids from 0 to {}", vocab - 1));
  }
  completion.task.prompt = prompt->get<std::vector<int32_t>>();
  check_context(service, completion.task.prompt.size());
}

CompletionRequest read_request(Service& service, const HttpRequest& request) {
  const ordered_json document = parse_body(request.body, request.header("content-type"));
  Body body(document);
  CompletionRequest completion;
  Task& task = completion.task;
  check_model(service, body);
  accept_bookkeeping(body);
  read_sampling(service, body, task);
  read_format(service, body, task);
  read_prompt(service, body, completion);
  task.choices = static_cast<size_t>(body.integer("n", 1, most_choices).value_or(1));
  if (const auto best = body.integer("best_of", 1, most_choices)) {
    if (static_cast<size_t>(*best) != task.choices) {
      body.fail("best_of", "it must be the same as n: all answers are given");
    }
  }
  // OpenAI's default for this route.
  task.options.max_tokens = body.integer("max_tokens", 1, INT32_MAX).value_or(16);
  if (const auto logprobs = body.integer("logprobs", 0, most_logprobs)) {
    task.options.top_logprobs = *logprobs;
  }
  if (body.boolean("echo").value_or(false)) {
    if (task.options.top_logprobs >= 0) {
      body.fail("echo", "probabilities of the prompt are not supported; leave out logprobs");
    }
    completion.echo = service.model().tokenizer().decode(task.prompt);
  }
  if (const auto suffix = body.text("suffix"); suffix && !suffix->empty()) {
    body.fail("suffix", "it is not supported: this model continues text, it does not fill in");
  }
  completion.stream = body.boolean("stream").value_or(false);
  if (auto options = body.object("stream_options")) {
    completion.include_usage = options->boolean("include_usage").value_or(false);
    options->accept({"include_obfuscation"});
    options->finish();
  }
  body.finish();
  return completion;
}

// The older form of probabilities: lists beside each other.
ordered_json old_logprobs(const Service& service, std::span<const TokenInfo> tokens,
                          size_t& offset) {
  ordered_json texts = ordered_json::array(), values = ordered_json::array(),
               top = ordered_json::array(), offsets = ordered_json::array();
  for (const TokenInfo& token : tokens) {
    texts.push_back(token.text);
    values.push_back(token.logprobs.logprob);
    ordered_json likeliest = ordered_json::object();
    for (const TokenLogprob& one : token.logprobs.top) {
      likeliest[service.model().tokenizer().decode({&one.token, 1}, false)] = one.logprob;
    }
    likeliest[token.text] = token.logprobs.logprob;  // also where others are likelier
    top.push_back(std::move(likeliest));
    offsets.push_back(offset);
    offset += token.text.size();
  }
  return {{"tokens", texts},
          {"token_logprobs", values},
          {"top_logprobs", top},
          {"text_offset", offsets}};
}

ordered_json frame(const Service& service, const std::string& id, int64_t created,
                   ordered_json choices) {
  return {{"id", id},
          {"object", "text_completion"},
          {"created", created},
          {"model", service.name()},
          {"choices", std::move(choices)}};
}

HttpResponse document(const Service& service, const std::vector<ChoiceResult>& results,
                      const Usage& usage, const std::string& echo, bool logprobs) {
  ordered_json choices = ordered_json::array();
  for (size_t i = 0; i < results.size(); ++i) {
    size_t offset = 0;
    choices.push_back({{"index", i},
                       {"text", echo + results[i].content},
                       {"logprobs", logprobs ? old_logprobs(service, results[i].tokens, offset)
                                             : ordered_json(nullptr)},
                       {"finish_reason", finish_word(results[i].end)}});
  }
  ordered_json answer = frame(service, random_id("cmpl-"), now_seconds(), std::move(choices));
  add_usage(service, usage, answer);
  return json_response(answer);
}

class CompletionStream final : public Receiver {
 public:
  CompletionStream(Service& service, ResponderPtr responder, const CompletionRequest& request)
      : service_(service),
        stream_(std::move(responder), EventStream::Kind::events),
        include_usage_(request.include_usage),
        logprobs_(request.task.options.top_logprobs >= 0),
        echo_(request.echo),
        offsets_(request.task.choices) {}

  void begin(const Usage&) override {
    stream_.start();
    if (echo_.empty()) return;
    for (size_t i = 0; i < offsets_.size(); ++i) send(i, echo_, nullptr, {});
  }
  void events(size_t choice, const std::vector<text::OutputEvent>& events,
              std::span<const TokenInfo> tokens) override {
    std::string piece;
    for (const text::OutputEvent& event : events) piece += event.text;
    send(choice, piece, nullptr, tokens);
  }
  void end(size_t choice, const ChoiceEnd& end) override { send(choice, "", finish_word(end), {}); }
  void done(const Usage& usage) override {
    end_chunks(service_, usage,
               include_usage_ ? frame(service_, id_, created_, ordered_json::array()) : nullptr,
               stream_);
  }
  void failed(const ApiError& error) override { fail_chunks(error, stream_); }

 private:
  void send(size_t choice, const std::string& text, const ordered_json& reason,
            std::span<const TokenInfo> tokens) {
    ordered_json one{{"index", choice}, {"text", text}};
    one["logprobs"] = logprobs_ && !tokens.empty()
                          ? old_logprobs(service_, tokens, offsets_[choice])
                          : ordered_json(nullptr);
    one["finish_reason"] = reason;
    stream_.send(frame(service_, id_, created_, ordered_json::array({std::move(one)})));
  }

  Service& service_;
  EventStream stream_;
  const bool include_usage_;
  const bool logprobs_;
  const std::string echo_;
  std::vector<size_t> offsets_;
  const std::string id_ = random_id("cmpl-");
  const int64_t created_ = now_seconds();
};

}  // namespace

void openai_completions(Service& service, const HttpRequest& request,
                        const ResponderPtr& responder) {
  CompletionRequest completion = read_request(service, request);
  completion.task.client = request.client;
  std::shared_ptr<Receiver> receiver;
  if (completion.stream) {
    receiver = std::make_shared<CompletionStream>(service, responder, completion);
  } else {
    const bool logprobs = completion.task.options.top_logprobs >= 0;
    receiver = whole_answer(
        responder, completion.task.choices,
        [&service, logprobs, echo = completion.echo](const auto& results, const Usage& usage) {
          return document(service, results, usage, echo, logprobs);
        },
        openai_error);
  }
  run(service, std::move(completion.task), responder, std::move(receiver));
}

}  // namespace tarn::server
