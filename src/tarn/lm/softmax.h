// Sums and selections over a vocabulary's logits, in a fixed order of float operations: the same
// bits on every machine, and simple enough for the compiler to vectorize.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tarn {

// Error when a logit is NaN or +infinity, when all are -infinity, or when there is none.
float largest_logit(std::span<const float> logits);

// Sum over exp((logits[i] - largest) / temperature); the terms go to `terms` unless that is empty.
// `terms` may be `logits`. Relative error of a term below 1e-6; terms under 1e-37 become 0.
double exp_sum(std::span<const float> logits, float largest, float temperature,
               std::span<float> terms);

// Ids of the n largest logits, falling; equal ones by rising id. All when n exceeds their number.
std::vector<int32_t> top_tokens(std::span<const float> logits, int64_t n);

}  // namespace tarn
