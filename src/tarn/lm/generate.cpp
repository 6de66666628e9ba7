#include "tarn/lm/generate.h"

#include <algorithm>
#include <random>

#include "tarn/base/clock.h"
#include "tarn/base/error.h"
#include "tarn/base/log.h"
#include "tarn/base/progress.h"
#include "tarn/lm/answer.h"
#include "tarn/models/stepper.h"

namespace tarn {
namespace {

class Generation {
 public:
  Generation(const Model& model, Cache& cache, const std::vector<int32_t>& prompt,
             const GenerateOptions& options, const OnToken& on_token)
      : stepper_(model), cache_(cache), on_token_(on_token), answer_(model, prompt, options) {
    if (cache_.position() >= static_cast<int64_t>(prompt.size())) {
      fail(ErrorCode::internal, "generate: the cache holds {} tokens of a prompt of {}",
           cache_.position(), prompt.size());
    }
    answer_.result().cached_tokens = cache.position();
  }

  Generated run() {
    Generated& result = answer_.result();
    std::optional<array> logits = prefill();
    result.prefill_seconds = seconds_since(start_);
    if (!logits) {
      answer_.end(FinishReason::cancelled);
      return std::move(result);
    }
    Clock::time_point first = start_;
    while (answer_.accept(values_of(*logits), on_token_)) {
      if (result.tokens.size() == 1) {
        result.first_token_seconds = seconds_since(start_);
        first = Clock::now();
      }
      logits = step({answer_.sequence().back()}, LogitsFor::last_token);
    }
    if (result.tokens.size() == 1) result.first_token_seconds = seconds_since(start_);
    if (result.tokens.size() > 1) result.decode_seconds = seconds_since(first);
    answer_.finish_text(on_token_);
    if (result.context_full) {
      logging::warn(
          "the answer was cut: prompt ({} tokens) and answer ({} tokens) fill the context of "
          "{} tokens; shorten the prompt or raise the context limit",
          result.prompt_tokens, result.tokens.size(), answer_.limit());
    }
    return std::move(result);
  }

 private:
  static std::span<const float> values_of(const array& logits) {
    return {logits.data<float>(), static_cast<size_t>(logits.size())};
  }

  array step(const std::vector<int32_t>& tokens, LogitsFor which) {
    return stepper_.run(tokens, cache_, which);
  }

  // Null when cancelled.
  std::optional<array> prefill() {
    const GenerateOptions& options = answer_.options();
    const std::vector<int32_t>& sequence = answer_.sequence();
    const auto end = static_cast<int64_t>(sequence.size());
    const int64_t chunk = options.prefill_chunk;
    const int64_t start = cache_.position();
    cache_.expect(end);
    std::optional<Progress> progress;
    if (end - start > chunk)
      progress.emplace("prompt", static_cast<uint64_t>(end - start), "tokens");
    auto snapshot = std::upper_bound(options.snapshots.begin(), options.snapshots.end(), start);
    while (true) {
      if (answer_.cancelled()) return std::nullopt;
      const int64_t at = cache_.position();
      int64_t stop = std::min(end, (at / chunk + 1) * chunk);
      if (snapshot != options.snapshots.end()) stop = std::min(stop, *snapshot);
      const std::vector<int32_t> tokens(sequence.begin() + at, sequence.begin() + stop);
      array logits = step(tokens, stop == end ? LogitsFor::last_token : LogitsFor::none);
      if (progress) progress->set(static_cast<uint64_t>(stop - start));
      if (snapshot != options.snapshots.end() && *snapshot == stop) {
        answer_.result().snapshots.push_back(cache_);
        ++snapshot;
      }
      if (stop == end) return logits;
    }
  }

  Stepper stepper_;
  Cache& cache_;
  const OnToken& on_token_;
  Answer answer_;
  const Clock::time_point start_ = Clock::now();
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

GenerateOptions suggested_options(const GenerationConfig& defaults) {
  GenerateOptions result;
  SamplerOptions& sampler = result.sampler;
  const auto set = [](const auto& from, auto& to) {
    if (from) to = static_cast<std::decay_t<decltype(to)>>(*from);
  };
  if (defaults.do_sample.value_or(false)) {
    sampler.temperature = static_cast<float>(defaults.temperature.value_or(1.0));
  }
  set(defaults.top_k, sampler.top_k);
  set(defaults.top_p, sampler.top_p);
  set(defaults.min_p, sampler.min_p);
  set(defaults.repetition_penalty, sampler.repetition_penalty);
  std::random_device random;
  sampler.seed = (uint64_t{random()} << 32U) | random();
  return result;
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
