#include "tarn/lm/sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <limits>

#include "tarn/base/error.h"
#include "tarn/lm/softmax.h"

namespace tarn {
namespace {

void require(bool holds, const char* option, double value, const char* allowed) {
  if (holds) return;
  fail(ErrorCode::invalid_argument, "{}: {} is not possible, and must be {}", option, value,
       allowed);
}

}  // namespace

void validate(const SamplerOptions& o, int64_t vocab_size) {
  // Comparisons are written so that NaN fails them.
  require(o.temperature == 0 || (o.temperature >= 0.001F && o.temperature <= 100), "temperature",
          o.temperature, "0 (greedy) or from 0.001 to 100");
  require(o.top_k >= 0, "top_k", static_cast<double>(o.top_k), "0 (off) or more");
  require(o.top_p > 0 && o.top_p <= 1, "top_p", o.top_p, "above 0 and at most 1 (off)");
  require(o.min_p >= 0 && o.min_p <= 1, "min_p", o.min_p, "from 0 (off) to 1");
  require(o.repetition_penalty > 0 && o.repetition_penalty <= 100, "repetition_penalty",
          o.repetition_penalty, "above 0 and at most 100 (1: off)");
  require(o.penalty_last_n >= 0, "penalty_last_n", static_cast<double>(o.penalty_last_n),
          "0 (all tokens) or more");
  require(std::fabs(o.frequency_penalty) <= 100, "frequency_penalty", o.frequency_penalty,
          "from -100 to 100 (0: off)");
  require(std::fabs(o.presence_penalty) <= 100, "presence_penalty", o.presence_penalty,
          "from -100 to 100 (0: off)");
  for (const auto& [token, bias] : o.logit_bias) {
    if (token < 0 || token >= vocab_size) {
      fail(ErrorCode::invalid_argument,
           "logit_bias: token {} does not exist, and must be below the vocabulary's size {}", token,
           vocab_size);
    }
    require(bias < std::numeric_limits<float>::infinity(), "logit_bias", bias,
            "a finite number or -infinity");
  }
}

double uniform_random(uint64_t seed, uint64_t count) {
  // The finalizer of SplitMix64 (Steele, Lea, Flood 2014), twice: over the seed and over both.
  const auto mix = [](uint64_t z) {
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  };
  constexpr uint64_t golden = 0x9e3779b97f4a7c15U;
  const uint64_t bits = mix(mix(seed + golden) + (count + 1) * golden);
  return static_cast<double>(bits >> 11U) * 0x1p-53;
}

int32_t argmax(std::span<const float> logits) {
  const float largest = largest_logit(logits);
  return static_cast<int32_t>(std::find(logits.begin(), logits.end(), largest) - logits.begin());
}

Logprobs log_probabilities(std::span<const float> logits, int32_t chosen, int64_t top_n) {
  const float largest = largest_logit(logits);
  const double log_sum = largest + std::log(exp_sum(logits, largest, 1.0F, {}));
  const auto logprob = [&](int32_t token) {
    return static_cast<float>(logits[static_cast<size_t>(token)] - log_sum);
  };
  Logprobs result{logprob(chosen), {}};
  for (const int32_t token : top_tokens(logits, top_n)) {
    result.top.push_back({token, logprob(token)});
  }
  return result;
}

Sampler::Sampler(SamplerOptions options, int64_t vocab_size)
    : options_(std::move(options)), vocab_size_(vocab_size) {
  validate(options_, vocab_size_);
}

int32_t Sampler::sample(std::span<const float> raw, std::span<const int32_t> history,
                        size_t prompt_length) {
  if (raw.size() != static_cast<size_t>(vocab_size_)) {
    fail(ErrorCode::internal, "sampler: {} logits for a vocabulary of {}", raw.size(), vocab_size_);
  }
  const std::span<const float> logits = adjust(raw, history, prompt_length);
  if (options_.temperature == 0) return argmax(logits);
  const float largest = largest_logit(logits);
  if (options_.top_k > 0 && options_.top_k < vocab_size_) {
    keep_top_k(logits);
    weigh(largest);
  } else {
    keep_all_that_matter(logits, largest);
  }
  keep_top_p();
  if (options_.min_p > 0) {
    // The likeliest token's weight is 1.
    std::erase_if(candidates_, [&](const Candidate& c) { return c.weight < options_.min_p; });
  }
  return draw();
}

// Bias and penalties; the logits themselves where neither is asked for.
std::span<const float> Sampler::adjust(std::span<const float> logits,
                                       std::span<const int32_t> history, size_t prompt_length) {
  const bool penalties = options_.repetition_penalty != 1 || options_.frequency_penalty != 0 ||
                         options_.presence_penalty != 0;
  if (!penalties && options_.logit_bias.empty()) return logits;
  largest_logit(logits);  // a NaN of the model's is reported as such
  adjusted_.assign(logits.begin(), logits.end());
  for (const auto& [token, bias] : options_.logit_bias) {
    adjusted_[static_cast<size_t>(token)] += bias;
  }
  if (penalties) penalize(history, prompt_length);
  return adjusted_;
}

void Sampler::penalize(std::span<const int32_t> history, size_t prompt_length) {
  size_t first = 0;
  if (options_.penalty_last_n > 0) {
    first = history.size() - std::min(history.size(), static_cast<size_t>(options_.penalty_last_n));
  }
  counts_.resize(static_cast<size_t>(vocab_size_));  // all zero between calls
  // Once a token has its repetition penalty its count has the top bit; the rest counts the answer.
  constexpr uint32_t seen = 1U << 31U;
  for (size_t i = first; i < history.size(); ++i) {
    const auto token = static_cast<size_t>(history[i]);
    uint32_t& count = counts_[token];
    if (count == 0) {
      float& logit = adjusted_[token];
      logit = logit > 0 ? logit / options_.repetition_penalty : logit * options_.repetition_penalty;
      count = seen;
    }
    if (i >= prompt_length) ++count;
  }
  for (size_t i = first; i < history.size(); ++i) {
    const auto token = static_cast<size_t>(history[i]);
    const uint32_t count = counts_[token] & ~seen;
    counts_[token] = 0;
    if (count == 0) continue;
    adjusted_[token] -=
        static_cast<float>(count) * options_.frequency_penalty + options_.presence_penalty;
  }
}

void Sampler::keep_top_k(std::span<const float> logits) {
  candidates_.clear();
  for (const int32_t token : top_tokens(logits, options_.top_k)) {
    candidates_.push_back({token, logits[static_cast<size_t>(token)], 0});
  }
}

void Sampler::weigh(float largest) {
  std::vector<float>& scaled = weights_;
  scaled.resize(candidates_.size());
  for (size_t i = 0; i < scaled.size(); ++i) scaled[i] = candidates_[i].logit;
  total_ = exp_sum(scaled, largest, options_.temperature, scaled);
  for (size_t i = 0; i < scaled.size(); ++i) candidates_[i].weight = scaled[i];
  std::erase_if(candidates_, [](const Candidate& c) { return c.weight == 0; });
}

// Without top-k: all tokens that top-p and min-p can possibly keep, by rising id.
void Sampler::keep_all_that_matter(std::span<const float> logits, float largest) {
  weights_.resize(logits.size());
  total_ = exp_sum(logits, largest, options_.temperature, weights_);
  float least = std::numeric_limits<float>::denorm_min();
  if (options_.top_p < 1) {
    // All tokens below this weight together have less than the part that top-p cuts away. Half of
    // it leaves room for rounding.
    const double cut = (1.0 - options_.top_p) * total_ / static_cast<double>(logits.size());
    least = std::max(least, static_cast<float>(cut / 2));
  } else {
    least = std::max(least, options_.min_p);
  }
  candidates_.clear();
  for (size_t i = 0; i < logits.size(); ++i) {
    if (weights_[i] >= least) {
      candidates_.push_back({static_cast<int32_t>(i), logits[i], weights_[i]});
    }
  }
}

// Weights are gathered in buckets of a sixteenth of an octave; only the bucket in which the
// probability is reached needs an order.
void Sampler::keep_top_p() {
  if (options_.top_p >= 1) return;
  const auto bucket = [](const Candidate& c) { return std::bit_cast<uint32_t>(c.weight) >> 19U; };
  bucket_sums_.assign((std::bit_cast<uint32_t>(1.0F) >> 19U) + 1, 0);
  for (const Candidate& c : candidates_) bucket_sums_[bucket(c)] += c.weight;
  const double wanted = options_.top_p * total_;
  double reached = 0;
  size_t last = bucket_sums_.size() - 1;
  while (last > 0 && reached + bucket_sums_[last] < wanted) reached += bucket_sums_[last--];

  std::vector<Candidate> edge;
  std::copy_if(candidates_.begin(), candidates_.end(), std::back_inserter(edge),
               [&](const Candidate& c) { return bucket(c) == last; });
  std::erase_if(candidates_, [&](const Candidate& c) { return bucket(c) <= last; });
  std::stable_sort(edge.begin(), edge.end(),
                   [](const Candidate& a, const Candidate& b) { return a.logit > b.logit; });
  for (const Candidate& c : edge) {
    candidates_.push_back(c);
    reached += c.weight;
    if (reached >= wanted) break;
  }
}

int32_t Sampler::draw() {
  double total = 0;
  for (const Candidate& c : candidates_) total += c.weight;
  const double target = uniform_random(options_.seed, draws_++) * total;
  double reached = 0;
  for (const Candidate& c : candidates_) {
    reached += c.weight;
    if (reached > target) return c.token;
  }
  return candidates_.back().token;  // target rounded up to the total
}

}  // namespace tarn
