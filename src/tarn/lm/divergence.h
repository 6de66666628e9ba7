// How far a model's next-token distributions are from a reference model's.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tarn/models/model.h"

namespace tarn {

// A mean over the predicted tokens and its standard error (tokens taken as independent).
struct Estimate {
  double mean = 0;
  double error = 0;
};

// Tokens whose place in their window, counted from 0, lies in [first, last].
struct PositionBucket {
  int64_t first;
  int64_t last;
  size_t predicted = 0;  // tokens; at least 1
  Estimate kl;
};

struct Divergence {
  size_t predicted = 0;  // tokens
  // Kullback-Leibler divergence from the reference to the model, in nats a token:
  // sum of p_ref * log(p_ref / p_model) over the vocabulary.
  Estimate kl;
  double kl_median = 0;
  double kl_p99 = 0;
  double kl_max = 0;
  std::vector<PositionBucket> positions;  // 1 to 15, 16 to 31, 32 to 63, ...: as far as windows go
  Estimate same_top;        // part of the tokens at which both find the same token likeliest
  Estimate reference_loss;  // -log p of the text's own token, in nats; perplexity is its exp
  Estimate loss;
  Estimate loss_change;  // of a token's loss: model minus reference
};

// Both models run `tokens` in windows as window_losses does (lm/evaluate.h). Error when their
// vocabularies differ in size or nothing is predicted.
Divergence measure_divergence(const Model& reference, const Model& model,
                              const std::vector<int32_t>& tokens, int64_t window,
                              const std::atomic<bool>* cancel = nullptr);

}  // namespace tarn
