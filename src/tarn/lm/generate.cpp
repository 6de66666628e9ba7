#include "tarn/lm/generate.h"

#include <algorithm>
#include <chrono>

#include "tarn/base/error.h"
#include "tarn/base/log.h"
#include "tarn/base/progress.h"
#include "tarn/lm/stop_strings.h"
#include "tarn/models/stepper.h"

namespace tarn {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class Generation {
 public:
  Generation(const Model& model, Cache& cache, const std::vector<int32_t>& prompt,
             const GenerateOptions& options, const std::function<bool(const TokenEvent&)>& on_token)
      : model_(model),
        stepper_(model),
        cache_(cache),
        options_(options),
        on_token_(on_token),
        sampler_(options.sampler, model.config().vocab_size),
        stops_(options.stop),
        sequence_(prompt),
        limit_(context_limit(model, options.context_limit)) {
    check();
    result_.prompt_tokens = static_cast<int64_t>(prompt.size());
    result_.cached_tokens = cache.position();
  }

  Generated run() {
    std::optional<array> logits = prefill();
    result_.prefill_seconds = seconds_since(start_);
    if (!logits) {
      result_.finish_reason = FinishReason::cancelled;
      return std::move(result_);
    }
    Clock::time_point first = start_;
    while (accept_token(*logits)) {
      if (result_.tokens.size() == 1) {
        result_.first_token_seconds = seconds_since(start_);
        first = Clock::now();
      }
      logits = step({sequence_.back()}, LogitsFor::last_token);
    }
    if (result_.tokens.size() == 1) result_.first_token_seconds = seconds_since(start_);
    if (result_.tokens.size() > 1) result_.decode_seconds = seconds_since(first);
    finish_text();
    if (result_.context_full) {
      logging::warn(
          "the answer was cut: prompt ({} tokens) and answer ({} tokens) fill the context of "
          "{} tokens; shorten the prompt or raise the context limit",
          result_.prompt_tokens, result_.tokens.size(), limit_);
    }
    return std::move(result_);
  }

 private:
  void check() const {
    check_prompt(model_, sequence_, options_);
    const auto prompt = static_cast<int64_t>(sequence_.size());
    if (options_.max_tokens < -1 || options_.max_tokens == 0) {
      fail(ErrorCode::invalid_argument,
           "max_tokens: {} is not possible, and must be at least 1 (-1: until the context is full)",
           options_.max_tokens);
    }
    if (options_.prefill_chunk <= 0 || options_.prefill_chunk % 256 != 0) {
      fail(ErrorCode::invalid_argument,
           "prefill_chunk: {} is not possible, and must be a multiple of 256",
           options_.prefill_chunk);
    }
    if (!options_.stop.empty() && options_.text == nullptr) {
      fail(ErrorCode::invalid_argument,
           "stop string: text can only be found where there is text, and this model has no "
           "tokenizer; add tokenizer.json or remove the stop strings");
    }
    if (cache_.position() >= prompt) {
      fail(ErrorCode::internal, "generate: the cache holds {} tokens of a prompt of {}",
           cache_.position(), prompt);
    }
  }

  bool cancelled() const {
    return options_.cancel != nullptr && options_.cancel->load(std::memory_order_relaxed);
  }

  array step(const std::vector<int32_t>& tokens, LogitsFor which) {
    return stepper_.run(tokens, cache_, which);
  }

  // Null when cancelled.
  std::optional<array> prefill() {
    const auto end = static_cast<int64_t>(sequence_.size());
    const int64_t chunk = options_.prefill_chunk;
    const int64_t start = cache_.position();
    cache_.expect(end);
    std::optional<Progress> progress;
    if (end - start > chunk)
      progress.emplace("prompt", static_cast<uint64_t>(end - start), "tokens");
    auto snapshot = std::upper_bound(options_.snapshots.begin(), options_.snapshots.end(), start);
    while (true) {
      if (cancelled()) return std::nullopt;
      const int64_t at = cache_.position();
      int64_t stop = std::min(end, (at / chunk + 1) * chunk);
      if (snapshot != options_.snapshots.end()) stop = std::min(stop, *snapshot);
      const std::vector<int32_t> tokens(sequence_.begin() + at, sequence_.begin() + stop);
      array logits = step(tokens, stop == end ? LogitsFor::last_token : LogitsFor::none);
      if (progress) progress->set(static_cast<uint64_t>(stop - start));
      if (snapshot != options_.snapshots.end() && *snapshot == stop) {
        result_.snapshots.push_back(cache_);
        ++snapshot;
      }
      if (stop == end) return logits;
    }
  }

  // Chooses and reports the next token. False when it was the last.
  bool accept_token(const array& logits) {
    if (cancelled()) return finish(FinishReason::cancelled);
    const std::span<const float> values(logits.data<float>(), static_cast<size_t>(logits.size()));
    const int32_t token =
        sampler_.sample(values, sequence_, static_cast<size_t>(result_.prompt_tokens));
    sequence_.push_back(token);
    result_.tokens.push_back(token);
    const Logprobs* logprobs = nullptr;
    if (options_.top_logprobs >= 0) {
      result_.logprobs.push_back(log_probabilities(values, token, options_.top_logprobs));
      logprobs = &result_.logprobs.back();
    }
    const bool at_end = !options_.ignore_end &&
                        std::find(options_.end_tokens.begin(), options_.end_tokens.end(), token) !=
                            options_.end_tokens.end();
    std::string text;
    if (options_.text != nullptr && !at_end) text = stops_.push(options_.text->push(token));
    result_.text += text;
    if (on_token_ && !on_token_({token, text, logprobs})) return finish(FinishReason::cancelled);
    if (at_end || stops_.stopped()) return finish(FinishReason::stop);
    const auto count = static_cast<int64_t>(result_.tokens.size());
    if (count == options_.max_tokens) return finish(FinishReason::length);
    if (limit_ > 0 && static_cast<int64_t>(sequence_.size()) == limit_) {
      result_.context_full = true;
      return finish(FinishReason::length);
    }
    return true;
  }

  bool finish(FinishReason reason) {
    result_.finish_reason = reason;
    return false;
  }

  void finish_text() {
    if (options_.text != nullptr && !stops_.stopped()) {
      std::string rest = stops_.push(options_.text->finish());
      rest += stops_.flush();
      result_.text += rest;
      if (on_token_ && !rest.empty()) on_token_({no_token, rest, nullptr});
    }
    result_.stop_string = stops_.found();
  }

  const Model& model_;
  Stepper stepper_;
  Cache& cache_;
  const GenerateOptions& options_;
  const std::function<bool(const TokenEvent&)>& on_token_;
  Sampler sampler_;
  StopStrings stops_;
  std::vector<int32_t> sequence_;
  const int64_t limit_;
  const Clock::time_point start_ = Clock::now();
  Generated result_;
};

}  // namespace

const char* name(FinishReason reason) {
  switch (reason) {
    case FinishReason::stop:
      return "stop";
    case FinishReason::length:
      return "length";
    default:
      return "cancelled";
  }
}

void check_tokens(const Model& model, const std::vector<int32_t>& tokens) {
  if (tokens.empty()) {
    fail(ErrorCode::invalid_argument,
         "prompt: it has no tokens, and a model needs at least one to start from");
  }
  const int64_t vocab = model.config().vocab_size;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] >= 0 && tokens[i] < vocab) continue;
    fail(ErrorCode::invalid_argument,
         "prompt: token {} at index {} does not exist, since the vocabulary has {} entries (0 to "
         "{})",
         tokens[i], i, vocab, vocab - 1);
  }
}

void check_prompt(const Model& model, const std::vector<int32_t>& prompt,
                  const GenerateOptions& options) {
  check_tokens(model, prompt);
  const auto length = static_cast<int64_t>(prompt.size());
  const int64_t limit = context_limit(model, options.context_limit);
  if (limit == 0 || length < limit) return;
  fail(ErrorCode::invalid_argument,
       "context: the prompt has {} tokens and the context {}, which leaves no room for an answer; "
       "shorten the prompt",
       length, limit);
}

int64_t context_limit(const Model& model, int64_t option) {
  if (option > 0) return option;
  const ModelConfig& config = model.config();
  return usable_positions(config.rope, config.max_position_embeddings);
}

Generated generate(const Model& model, Cache& cache, const std::vector<int32_t>& prompt,
                   const GenerateOptions& options,
                   const std::function<bool(const TokenEvent&)>& on_token) {
  return Generation(model, cache, prompt, options, on_token).run();
}

}  // namespace tarn
