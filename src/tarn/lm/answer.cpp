#include "tarn/lm/answer.h"

#include <algorithm>
#include <limits>

#include "tarn/base/error.h"

namespace tarn {
namespace {

void check_options(const GenerateOptions& options) {
  if (options.max_tokens < -1 || options.max_tokens == 0) {
    fail(ErrorCode::invalid_argument,
         "max_tokens: {} is not possible, and must be at least 1 (-1: until the context is full)",
         options.max_tokens);
  }
  if (options.prefill_chunk <= 0 || options.prefill_chunk % 256 != 0) {
    fail(ErrorCode::invalid_argument,
         "prefill_chunk: {} is not possible, and must be a multiple of 256", options.prefill_chunk);
  }
  if (!options.stop.empty() && options.text == nullptr) {
    fail(ErrorCode::invalid_argument,
         "stop string: text can only be found where there is text, and this model has no "
         "tokenizer; add tokenizer.json or remove the stop strings");
  }
}

}  // namespace

Answer::Answer(const Model& model, const std::vector<int32_t>& prompt, GenerateOptions options)
    : options_(std::move(options)),
      sampler_(options_.sampler, model.config().vocab_size),
      stops_(options_.stop),
      sequence_(prompt),
      limit_(context_limit(model, options_.context_limit)) {
  check_prompt(model, sequence_, options_);
  check_options(options_);
  result_.prompt_tokens = static_cast<int64_t>(prompt.size());
}

bool Answer::cancelled() const {
  return options_.cancel != nullptr && options_.cancel->load(std::memory_order_relaxed);
}

int64_t Answer::tokens_left() const {
  int64_t left = 0;
  if (options_.max_tokens > 0) {
    left = options_.max_tokens - static_cast<int64_t>(result_.tokens.size());
  }
  if (limit_ > 0) {
    const int64_t room = limit_ - static_cast<int64_t>(sequence_.size());
    left = left > 0 ? std::min(left, room) : room;
  }
  return left;
}

int32_t Answer::choose(std::span<const float> logits) {
  std::span<const float> values = logits;
  if (options_.constraint != nullptr) {
    if (const int64_t left = tokens_left(); left > 0) options_.constraint->expect_at_most(left);
    const std::span<const uint32_t> mask = options_.constraint->mask();
    allowed_.assign(logits.begin(), logits.end());
    for (size_t i = 0; i < allowed_.size(); ++i) {
      const bool allowed = i / 32 < mask.size() && (mask[i / 32] >> (i % 32) & 1U) != 0;
      if (!allowed) allowed_[i] = -std::numeric_limits<float>::infinity();
    }
    values = allowed_;
  }
  const int32_t token =
      sampler_.sample(values, sequence_, static_cast<size_t>(result_.prompt_tokens));
  if (options_.constraint != nullptr) options_.constraint->accept(token);
  return token;
}

bool Answer::accept(std::span<const float> logits, const OnToken& on_token) {
  if (cancelled()) return finish(FinishReason::cancelled);
  const int32_t token = choose(logits);
  sequence_.push_back(token);
  result_.tokens.push_back(token);
  const Logprobs* logprobs = nullptr;
  if (options_.top_logprobs >= 0) {
    result_.logprobs.push_back(log_probabilities(logits, token, options_.top_logprobs));
    logprobs = &result_.logprobs.back();
  }
  const bool at_end = !options_.ignore_end &&
                      std::find(options_.end_tokens.begin(), options_.end_tokens.end(), token) !=
                          options_.end_tokens.end();
  std::string text;
  if (options_.text != nullptr && !at_end) text = stops_.push(options_.text->push(token));
  result_.text += text;
  if (on_token && !on_token({token, text, logprobs})) return finish(FinishReason::cancelled);
  if (at_end || stops_.stopped()) return finish(FinishReason::stop);
  if (options_.constraint != nullptr && options_.constraint->complete()) {
    return finish(FinishReason::stop);
  }
  const auto count = static_cast<int64_t>(result_.tokens.size());
  if (count == options_.max_tokens) return finish(FinishReason::length);
  if (limit_ > 0 && static_cast<int64_t>(sequence_.size()) == limit_) {
    result_.context_full = true;
    return finish(FinishReason::length);
  }
  return true;
}

bool Answer::finish(FinishReason reason) {
  result_.finish_reason = reason;
  return false;
}

void Answer::finish_text(const OnToken& on_token) {
  if (options_.text != nullptr && !stops_.stopped()) {
    std::string rest = stops_.push(options_.text->finish());
    rest += stops_.flush();
    result_.text += rest;
    if (on_token && !rest.empty()) on_token({no_token, rest, nullptr});
  }
  result_.stop_string = stops_.found();
}

}  // namespace tarn
