#include "tarn/lm/softmax.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "tarn/base/error.h"

namespace tarn {
namespace {

// Logits are taken in blocks of this size: loops of fixed length that the compiler vectorizes.
constexpr size_t block_size = 256;
using Block = std::array<float, block_size>;

constexpr float infinity = std::numeric_limits<float>::infinity();

// Below this e^x counts as 0.
constexpr float lowest_exponent = -86.0F;

// e^x for lowest_exponent <= x <= 0. 2^n * e^f with |f| <= ln(2) / 2; e^f by its Taylor series,
// whose next term is below 2e-7 there. The C library's expf differs from machine to machine in the
// last bit.
inline float exp_in_range(float x) {
  constexpr float round_to_integer = 12582912.0F;  // 1.5 * 2^23
  const float shifted = x * 1.44269504F + round_to_integer;
  const float n = shifted - round_to_integer;
  // ln 2 in two parts, so that x - n ln 2 keeps its bits.
  const float f = (x - n * 0.693145752F) - n * 1.42860677e-6F;
  float p = 1.0F / 720.0F;
  p = p * f + 1.0F / 120.0F;
  p = p * f + 1.0F / 24.0F;
  p = p * f + 1.0F / 6.0F;
  p = p * f + 0.5F;
  p = p * f + 1.0F;
  p = p * f + 1.0F;
  const uint32_t exponent = (std::bit_cast<uint32_t>(shifted) + 127U) << 23U;
  return p * std::bit_cast<float>(exponent);
}

// Three loops, since one with a choice at both ends is not vectorized.
void exp_block(Block& x) {
  Block clamped;
  for (size_t j = 0; j < block_size; ++j) {
    clamped[j] = x[j] > lowest_exponent ? x[j] : lowest_exponent;
  }
  for (float& y : clamped) y = exp_in_range(y);
  for (size_t j = 0; j < block_size; ++j) x[j] = x[j] > lowest_exponent ? clamped[j] : 0.0F;
}

[[noreturn]] void report_bad_logit(std::span<const float> logits) {
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] < infinity) continue;
    fail(ErrorCode::corrupt,
         "logits: token {} has {}, so the model computed nonsense; its weights may be damaged, or "
         "its values too large for the format: try --exact",
         i, logits[i]);
  }
  fail(ErrorCode::invalid_argument,
       "logits: no token is allowed, since all are -infinity; remove a bias or a mask");
}

}  // namespace

float largest_logit(std::span<const float> logits) {
  Block largest;
  largest.fill(-infinity);
  uint32_t bad = 0;
  size_t i = 0;
  for (; i + block_size <= logits.size(); i += block_size) {
    const float* x = logits.data() + i;
    for (size_t j = 0; j < block_size; ++j) {
      bad |= x[j] < infinity ? 0U : 1U;
      largest[j] = x[j] > largest[j] ? x[j] : largest[j];
    }
  }
  for (; i < logits.size(); ++i) {
    bad |= logits[i] < infinity ? 0U : 1U;
    largest[0] = logits[i] > largest[0] ? logits[i] : largest[0];
  }
  const float result = *std::max_element(largest.begin(), largest.end());
  if (bad != 0 || result == -infinity) report_bad_logit(logits);
  return result;
}

double exp_sum(std::span<const float> logits, float largest, float temperature,
               std::span<float> terms) {
  const float scale = 1.0F / temperature;
  double total = 0;
  Block block;
  for (size_t i = 0; i < logits.size(); i += block_size) {
    const size_t count = std::min(block_size, logits.size() - i);
    block.fill(-infinity);
    std::copy_n(logits.data() + i, count, block.data());
    for (float& x : block) x = (x - largest) * scale;
    exp_block(block);
    if (!terms.empty()) std::copy_n(block.data(), count, terms.data() + i);
    for (size_t half = block_size / 2; half > 0; half /= 2) {
      for (size_t j = 0; j < half; ++j) block[j] += block[j + half];
    }
    total += block[0];
  }
  return total;
}

std::vector<int32_t> top_tokens(std::span<const float> logits, int64_t n) {
  const size_t count = std::min(logits.size(), static_cast<size_t>(std::max<int64_t>(n, 0)));
  if (count == 0) return {};
  const auto above = [&](int32_t a, int32_t b) {
    const float x = logits[static_cast<size_t>(a)];
    const float y = logits[static_cast<size_t>(b)];
    return x != y ? x > y : a < b;
  };
  // The best so far, at most twice as many as wanted. Ids rise, so a later equal logit never wins:
  // one comparison with the worst that still counts rejects almost every token.
  std::vector<int32_t> best;
  best.reserve(2 * count);
  float worst = -infinity;
  bool full = false;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (full && logits[i] <= worst) continue;
    best.push_back(static_cast<int32_t>(i));
    if (best.size() < std::max<size_t>(2 * count, 64)) continue;
    const auto last = best.begin() + static_cast<ptrdiff_t>(count - 1);
    std::nth_element(best.begin(), last, best.end(), above);
    best.resize(count);
    worst = logits[static_cast<size_t>(best.back())];
    full = true;
  }
  std::sort(best.begin(), best.end(), above);
  best.resize(count);
  return best;
}

}  // namespace tarn
