// POST /v1/completions
#include <algorithm>

#include "tarn/server/api/openai.h"
#include "tarn/server/joint_task.h"

namespace tarn::server {
namespace {

constexpr int64_t most_choices = 16;
constexpr size_t most_prompts = 128;
constexpr int64_t most_logprobs = 20;

struct CompletionRequest {
  Task task;                                  // without its prompt
  std::vector<std::vector<int32_t>> prompts;  // each answered by task.choices choices
  bool echo = false;                          // the prompt stands before the answer
  bool stream = false;
  bool include_usage = false;
};

// A text, or a list of token ids.
std::vector<int32_t> read_prompt(Service& service, const Body& body, const ordered_json& prompt,
                                 const std::string& place) {
  if (prompt.is_string()) {
    Task task;
    make_prompt(service, prompt.get<std::string>(), task);
    return std::move(task.prompt);
  }
  const int64_t vocab = service.model().model().config().vocab_size;
  const bool ids =
      prompt.is_array() && !prompt.empty() &&
      std::all_of(prompt.begin(), prompt.end(), [&](const ordered_json& id) {
        return id.is_number_integer() && id.get<int64_t>() >= 0 && id.get<int64_t>() < vocab;
      });
  if (!ids) {
    body.fail(place,
              fmt::format("it must be a text, or a list of token ids from 0 to {}; or a list "
                          "of either",
                          vocab - 1));
  }
  check_context(service, prompt.size());
  return prompt.get<std::vector<int32_t>>();
}

std::vector<std::vector<int32_t>> read_prompts(Service& service, Body& body) {
  const ordered_json& prompt = body.require("prompt");
  const bool several = prompt.is_array() && !prompt.empty() && !prompt.front().is_number();
  if (!several) return {read_prompt(service, body, prompt, "prompt")};
  if (prompt.size() > most_prompts) {
    body.fail("prompt",
              fmt::format("it has {} texts, and may have {}", prompt.size(), most_prompts));
  }
  std::vector<std::vector<int32_t>> all;
  for (size_t i = 0; i < prompt.size(); ++i) {
    all.push_back(read_prompt(service, body, prompt[i], fmt::format("prompt[{}]", i)));
  }
  return all;
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
  completion.prompts = read_prompts(service, body);
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
  completion.echo = body.boolean("echo").value_or(false);
  if (completion.echo && task.options.top_logprobs >= 0) {
    body.fail("echo", "probabilities of the prompt are not supported; leave out logprobs");
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

// What stands before each prompt's answers; empty: nothing.
std::vector<std::string> echoes(const Service& service, const CompletionRequest& completion) {
  std::vector<std::string> all(completion.prompts.size());
  if (!completion.echo) return all;
  for (size_t i = 0; i < all.size(); ++i) {
    all[i] = service.model().tokenizer().decode(completion.prompts[i]);
  }
  return all;
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
                      const Usage& usage, const std::vector<std::string>& echo, bool logprobs) {
  const size_t each = results.size() / echo.size();
  ordered_json choices = ordered_json::array();
  for (size_t i = 0; i < results.size(); ++i) {
    size_t offset = 0;
    choices.push_back({{"index", i},
                       {"text", echo[i / each] + results[i].content},
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
        echo_(echoes(service, request)),
        choices_(request.task.choices),
        offsets_(request.prompts.size() * choices_) {}

  void begin(const Usage&) override {
    stream_.start();
    for (size_t i = 0; i < offsets_.size(); ++i) {
      const std::string& echo = echo_[i / choices_];
      if (!echo.empty()) send(i, echo, nullptr, {});
    }
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
  const std::vector<std::string> echo_;
  const size_t choices_;  // of each prompt
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
        responder, completion.prompts.size() * completion.task.choices,
        [&service, logprobs, echo = echoes(service, completion)](const auto& results,
                                                                 const Usage& usage) {
          return document(service, results, usage, echo, logprobs);
        },
        openai_error);
  }
  std::vector<Task> tasks(completion.prompts.size(), completion.task);
  for (size_t i = 0; i < tasks.size(); ++i) tasks[i].prompt = std::move(completion.prompts[i]);
  run_jointly(service, std::move(tasks), responder, std::move(receiver));
}

}  // namespace tarn::server
