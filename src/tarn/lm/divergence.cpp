#include "tarn/lm/divergence.h"

#include <algorithm>
#include <cmath>

#include "tarn/base/error.h"
#include "tarn/lm/evaluate.h"
#include "tarn/lm/softmax.h"

namespace tarn {
namespace {

// Buckets double from here on: early tokens, which have little context, differ most.
constexpr int64_t first_bucket = 16;

size_t bucket_of(int64_t place) {
  size_t bucket = 0;
  for (int64_t end = first_bucket; place >= end; end *= 2) ++bucket;
  return bucket;
}

class Mean {
 public:
  void add(double x) {
    ++count_;
    const double delta = x - mean_;  // Welford's update keeps small differences of large sums
    mean_ += delta / count_;
    squares_ += delta * (x - mean_);
  }
  size_t count() const { return static_cast<size_t>(count_); }
  Estimate estimate() const {
    const double variance = count_ > 1 ? squares_ / (count_ - 1) : 0;
    return {mean_, std::sqrt(variance / std::max(count_, 1.0))};
  }

 private:
  double count_ = 0;
  double mean_ = 0;
  double squares_ = 0;
};

// log of the sum over exp(logits); the terms exp(logit - largest) go to `terms`.
struct LogSum {
  double log_sum;  // of all logits
  double sum;      // of the terms
};
LogSum log_sum(std::span<const float> logits, std::span<float> terms) {
  const float largest = largest_logit(logits);
  const double sum = exp_sum(logits, largest, 1.0F, terms);
  return {std::log(sum) + largest, sum};
}

std::vector<PositionBucket> buckets_of(const std::vector<Mean>& means, int64_t window) {
  std::vector<PositionBucket> buckets;
  for (size_t i = 0; i < means.size(); ++i) {
    if (means[i].count() == 0) continue;
    const int64_t end = first_bucket << i;
    buckets.push_back({.first = i == 0 ? 1 : end / 2,
                       .last = std::min(end, window) - 1,
                       .predicted = means[i].count(),
                       .kl = means[i].estimate()});
  }
  return buckets;
}

size_t top(std::span<const float> logits) {
  return static_cast<size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

// The smallest value that at least this part of the sorted values does not exceed.
double quantile(const std::vector<double>& sorted, double part) {
  const auto rank = static_cast<size_t>(std::ceil(part * static_cast<double>(sorted.size())));
  return sorted[std::clamp<size_t>(rank, 1, sorted.size()) - 1];
}

}  // namespace

Divergence measure_divergence(const Model& reference, const Model& model,
                              const std::vector<int32_t>& tokens, int64_t window,
                              const std::atomic<bool>* cancel) {
  const int64_t vocab = reference.config().vocab_size;
  if (vocab != model.config().vocab_size) {
    fail(ErrorCode::invalid_argument,
         "eval kl: the reference has {} tokens in its vocabulary and the model {}; only models of "
         "one vocabulary can be compared",
         vocab, model.config().vocab_size);
  }
  Mean kl, same, reference_loss, loss, change;
  std::vector<Mean> by_position;
  std::vector<double> divergences;
  std::vector<float> terms(static_cast<size_t>(vocab));
  const auto visit = [&](size_t position, std::span<const std::span<const float>> logits) {
    const std::span<const float> p = logits[0];
    const std::span<const float> q = logits[1];
    const double q_log_sum = log_sum(q, {}).log_sum;
    const auto [p_log_sum, p_sum] = log_sum(p, terms);
    double difference = 0;  // of the logits, weighted with p
    for (size_t i = 0; i < p.size(); ++i) {
      if (terms[i] > 0) difference += static_cast<double>(terms[i]) * (double{p[i]} - q[i]);
    }
    // Rounding may leave equal distributions a hair below zero.
    const double divergence = std::max(0.0, difference / p_sum - p_log_sum + q_log_sum);
    divergences.push_back(divergence);
    kl.add(divergence);
    const size_t bucket = bucket_of(static_cast<int64_t>(position) % window);
    by_position.resize(std::max(by_position.size(), bucket + 1));
    by_position[bucket].add(divergence);
    same.add(top(p) == top(q) ? 1 : 0);
    const auto token = static_cast<size_t>(tokens[position]);
    const double p_loss = p_log_sum - p[token];
    const double q_loss = q_log_sum - q[token];
    reference_loss.add(p_loss);
    loss.add(q_loss);
    change.add(q_loss - p_loss);
  };
  const Model* const models[] = {&reference, &model};
  run_windows(models, tokens, window, cancel, visit);
  if (divergences.empty()) {
    fail(ErrorCode::invalid_argument,
         "eval kl: the text has {} tokens, and at least 2 are needed to predict one; use a longer "
         "text",
         tokens.size());
  }
  std::sort(divergences.begin(), divergences.end());
  Divergence result;
  result.predicted = divergences.size();
  result.kl = kl.estimate();
  result.kl_median = quantile(divergences, 0.5);
  result.kl_p99 = quantile(divergences, 0.99);
  result.kl_max = divergences.back();
  result.positions = buckets_of(by_position, window);
  result.same_top = same.estimate();
  result.reference_loss = reference_loss.estimate();
  result.loss = loss.estimate();
  result.loss_change = change.estimate();
  return result;
}

}  // namespace tarn
