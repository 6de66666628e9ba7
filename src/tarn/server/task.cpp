#include "tarn/server/task.h"

#include <algorithm>

#include "tarn/base/clock.h"
#include "tarn/base/log.h"
#include "tarn/lm/output_text.h"

namespace tarn::server {
namespace {

// What a client may leave unread before its answer pauses.
constexpr size_t most_unsent_bytes = 64 * 1024;

class TaskListener final : public Listener {
 public:
  TaskListener(Service& service, const Task& task, std::shared_ptr<Responder> responder,
               std::shared_ptr<Receiver> receiver)
      : service_(service),
        responder_(std::move(responder)),
        receiver_(std::move(receiver)),
        chat_(task.chat),
        logprobs_(task.options.top_logprobs >= 0),
        left_(task.choices) {
    for (size_t i = 0; i < task.choices; ++i) {
      choices_.emplace_back();
      if (!chat_) continue;
      text::OutputOptions options;
      options.in_reasoning = task.in_reasoning;
      options.parse_tools = task.parse_tools;
      choices_.back().parser.emplace(service.syntax(), task.tools, options);
    }
  }

  void on_start(int64_t prompt_tokens, int64_t cached_tokens) override {
    usage_.prompt_tokens = prompt_tokens;
    usage_.cached_tokens = cached_tokens;
    guard([&] { receiver_->begin(usage_); });
  }

  void on_token(size_t index, const TokenEvent& event) override {
    guard([&] {
      Choice& choice = choices_[index];
      if (event.token != no_token && usage_.completion_tokens++ == 0) {
        usage_.first_token_seconds = seconds_since(start_);
        service_.metrics().first_token.add(usage_.first_token_seconds);
      }
      if (logprobs_ && event.logprobs != nullptr) {
        const int32_t id = event.token;
        choice.tokens.push_back(
            {id, service_.model().tokenizer().decode({&id, 1}, false), *event.logprobs});
      }
      const bool reasoning = choice.parser && choice.parser->in_reasoning();
      if (event.token != no_token && reasoning) ++usage_.reasoning_tokens;
      events_.clear();
      parse(choice, event.text);
      report(index);
    });
  }

  void on_finish(size_t index, const Finish& finish) override {
    guard([&] {
      Choice& choice = choices_[index];
      if (finish.error) error_ = to_api_error(*finish.error);
      if (finish.refused) error_ = too_hot_error();
      if (finish.timed_out) {
        error_ = ApiError(408, "timeout: the time that the request allows has passed", "timeout",
                          "timeout");
      }
      if (index == 0 && finish.result != nullptr) count(*finish.result);
      if (!error_) {
        events_.clear();
        if (choice.parser) choice.parser->finish(events_);
        note(choice);
        report(index);
        receiver_->end(index, {finish.reason, choice.calls,
                               finish.result == nullptr ? "" : finish.result->stop_string});
      }
    });
    if (--left_ == 0) guard([&] { end(); });
  }

  bool ready() override { return responder_->unsent_bytes() < most_unsent_bytes; }

 private:
  struct Choice {
    std::optional<text::OutputParser> parser;
    std::vector<TokenInfo> tokens;  // not yet reported
    bool calls = false;
  };

  // The engine's thread must not see what goes wrong here.
  template <typename F>
  void guard(F&& f) {
    if (broken_) return;
    try {
      f();
    } catch (const std::exception& error) {
      broken_ = true;
      logging::warn("server: an answer could not be written: {}", error.what());
      try {
        receiver_->failed(to_api_error(error));
      } catch (const std::exception&) {
        // The responder answers by itself when it is dropped.
      }
    }
  }

  void parse(Choice& choice, std::string_view piece) {
    if (choice.parser) {
      choice.parser->push(piece, events_);
    } else if (!piece.empty()) {
      events_.push_back({text::OutputEvent::Kind::content, std::string(piece), 0, "", "", true});
    }
    note(choice);
  }

  void note(Choice& choice) {
    for (const text::OutputEvent& event : events_) {
      choice.calls = choice.calls || event.kind == text::OutputEvent::Kind::call_begin;
    }
  }

  void report(size_t index) {
    Choice& choice = choices_[index];
    if (events_.empty() && choice.tokens.empty()) return;
    receiver_->events(index, events_, choice.tokens);
    choice.tokens.clear();
  }

  void count(const Generated& result) {
    usage_.prefill_seconds = result.prefill_seconds;
    usage_.decode_seconds = result.decode_seconds;
    usage_.decoded_tokens = std::max<int64_t>(0, static_cast<int64_t>(result.tokens.size()) - 1);
  }

  void end() {
    service_.metrics().request_time.add(seconds_since(start_));
    if (error_) {
      receiver_->failed(*error_);
    } else {
      receiver_->done(usage_);
    }
  }

  Service& service_;
  std::shared_ptr<Responder> responder_;
  std::shared_ptr<Receiver> receiver_;
  const bool chat_;
  const bool logprobs_;
  size_t left_;
  const Clock::time_point start_ = Clock::now();
  std::vector<Choice> choices_;
  std::vector<text::OutputEvent> events_;
  Usage usage_;
  std::optional<ApiError> error_;
  bool broken_ = false;
};

class WholeAnswer final : public Receiver {
 public:
  WholeAnswer(std::shared_ptr<Responder> responder, size_t choices,
              std::function<HttpResponse(const std::vector<ChoiceResult>&, const Usage&)> make,
              std::function<HttpResponse(const ApiError&)> make_error)
      : responder_(std::move(responder)),
        make_(std::move(make)),
        make_error_(std::move(make_error)),
        results_(choices) {}

  void events(size_t choice, const std::vector<text::OutputEvent>& events,
              std::span<const TokenInfo> tokens) override {
    ChoiceResult& result = results_[choice];
    for (const text::OutputEvent& event : events) {
      switch (event.kind) {
        case text::OutputEvent::Kind::reasoning:
          result.reasoning += event.text;
          break;
        case text::OutputEvent::Kind::content:
          result.content += event.text;
          break;
        case text::OutputEvent::Kind::call_begin:
          result.calls.push_back({event.id, event.name, ""});
          break;
        case text::OutputEvent::Kind::call_arguments:
          result.calls.back().arguments += event.text;
          break;
        case text::OutputEvent::Kind::call_end:
          break;
      }
    }
    result.tokens.insert(result.tokens.end(), tokens.begin(), tokens.end());
  }
  void end(size_t choice, const ChoiceEnd& end) override { results_[choice].end = end; }
  void done(const Usage& usage) override { responder_->send(make_(results_, usage)); }
  void failed(const ApiError& error) override { responder_->send(make_error_(error)); }

 private:
  std::shared_ptr<Responder> responder_;
  std::function<HttpResponse(const std::vector<ChoiceResult>&, const Usage&)> make_;
  std::function<HttpResponse(const ApiError&)> make_error_;
  std::vector<ChoiceResult> results_;
};

}  // namespace

Engine::Id submit(Service& service, Task task, const std::shared_ptr<Responder>& responder,
                  std::shared_ptr<Receiver> receiver) {
  EngineRequest request;
  request.prompt = std::move(task.prompt);
  request.options = task.options;
  request.options.snapshots = task.snapshots;
  if (request.options.end_tokens.empty()) request.options.end_tokens = service.chat().end_tokens();
  const auto prompt = static_cast<int64_t>(request.prompt.size());
  if (request.options.max_tokens < 0 && service.default_max_tokens() > 0) {
    const int64_t room = service.context() > 0 ? service.context() - prompt : INT64_MAX;
    request.options.max_tokens = std::clamp<int64_t>(room, 1, service.default_max_tokens());
  }
  request.choices = task.choices;
  request.client = task.client;
  if (task.timeout) request.deadline = seconds_from_now(*task.timeout);
  request.make_text = [&service, chat = task.chat]() -> std::unique_ptr<TokenText> {
    if (chat) return std::make_unique<OutputText>(service.chat());
    return std::make_unique<DecodedText>(service.model().tokenizer());
  };
  if (task.grammar) {
    request.make_constraint = [&service, grammar = *task.grammar, inside = task.in_reasoning] {
      return std::make_unique<OutputConstraint>(service.chat(), grammar, inside);
    };
  }
  const auto listener =
      std::make_shared<TaskListener>(service, task, responder, std::move(receiver));
  return service.engine().submit(std::move(request), listener);
}

void run(Service& service, Task task, const std::shared_ptr<Responder>& responder,
         std::shared_ptr<Receiver> receiver) {
  const Engine::Id id = submit(service, std::move(task), responder, std::move(receiver));
  responder->watch([&service, id] { service.engine().cancel(id); },
                   [&service] { service.engine().wake(); });
}

std::shared_ptr<Receiver> whole_answer(
    std::shared_ptr<Responder> responder, size_t choices,
    std::function<HttpResponse(const std::vector<ChoiceResult>&, const Usage&)> make,
    std::function<HttpResponse(const ApiError&)> make_error) {
  return std::make_shared<WholeAnswer>(std::move(responder), choices, std::move(make),
                                       std::move(make_error));
}

ordered_json timings_json(const Service& service, const Usage& usage) {
  const auto rate = [](int64_t tokens, double seconds) {
    return seconds > 0 ? static_cast<double>(tokens) / seconds : 0.0;
  };
  const int64_t run = usage.prompt_tokens - usage.cached_tokens;
  const double predicted = rate(usage.decoded_tokens, usage.decode_seconds);
  return {{"prompt_n", run},
          {"cached_n", usage.cached_tokens},
          {"prompt_ms", usage.prefill_seconds * 1e3},
          {"prompt_per_second", rate(run, usage.prefill_seconds)},
          {"predicted_n", usage.completion_tokens},
          {"predicted_ms", usage.decode_seconds * 1e3},
          {"predicted_per_second", predicted},
          {"bandwidth_limit_fraction", service.bandwidth_fraction(predicted)},
          {"context_used", usage.prompt_tokens + usage.completion_tokens},
          {"context_limit", service.context()}};
}

}  // namespace tarn::server
