#include "tarn/quant/affine_search.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace tarn::quant {
namespace {

constexpr size_t max_group = 128;
// Ends of the range tried: so many, each moved in by one more step.
constexpr int ends = 6;

// Of the range's width. Few codes gain from giving up far values, many do not.
float end_step(int bits) {
  if (bits == 2) return 0.05F;
  return bits == 3 ? 0.03F : 0.015F;
}

template <typename Scale>
class GroupSearch {
 public:
  GroupSearch(const AffineFormat& format, const float* weights, const float* importance)
      : count_(static_cast<size_t>(format.group_size)),
        steps_(static_cast<float>((1 << format.bits) - 1)),
        weights_(weights),
        importance_(importance) {
    const auto [low, high] = std::minmax_element(weights, weights + count_);
    for (size_t i = 0; i < count_; ++i) {
      weight_ += importance[i];
      sum_ += importance[i] * weights[i];
    }
    const float width = *high - *low;
    for (int l = 0; l < ends && width > 0; ++l) {
      for (int h = 0; h < ends; ++h) {
        const float step = end_step(format.bits) * width;
        const float from = *low + step * static_cast<float>(l);
        try_codes(from, steps_ / (*high - step * static_cast<float>(h) - from));
      }
    }
    // All alike, or nothing that a fit took.
    if (error_ == std::numeric_limits<float>::infinity()) take(0, *low);
  }

  Scale scale() const { return scale_; }
  Scale bias() const { return bias_; }
  void codes(uint8_t* out) const {
    for (size_t i = 0; i < count_; ++i) {
      out[i] = static_cast<uint8_t>(code(weights_[i], to_float(scale_), to_float(bias_)));
    }
  }

 private:
  float code(float value, float scale, float bias) const {
    return scale != 0 ? std::clamp(std::rint((value - bias) / scale), 0.0F, steps_) : 0;
  }

  // Least squares for the codes that this range gives.
  void try_codes(float from, float inverse) {
    float c1 = 0, c2 = 0, vc = 0;
    for (size_t i = 0; i < count_; ++i) {
      const float c = std::clamp(std::rint((weights_[i] - from) * inverse), 0.0F, steps_);
      c1 += importance_[i] * c;
      c2 += importance_[i] * c * c;
      vc += importance_[i] * c * weights_[i];
    }
    const float determinant = weight_ * c2 - c1 * c1;
    if (!(determinant > 1e-6F * weight_ * c2)) return;
    // The bias once more for the scale as it is stored: over many codes its rounding adds up.
    const float scale = to_float(from_float<Scale>((weight_ * vc - c1 * sum_) / determinant));
    take(scale, (sum_ - scale * c1) / weight_);
  }

  void take(float scale, float bias) {
    const Scale stored_scale = from_float<Scale>(scale);
    const Scale stored_bias = from_float<Scale>(bias);
    const float s = to_float(stored_scale), b = to_float(stored_bias);
    float error = 0;
    for (size_t i = 0; i < count_; ++i) {
      const float off = code(weights_[i], s, b) * s + b - weights_[i];
      error += importance_[i] * off * off;
    }
    if (!(error < error_)) return;
    error_ = error;
    scale_ = stored_scale;
    bias_ = stored_bias;
  }

  size_t count_;
  float steps_;
  const float* weights_;
  const float* importance_;
  float weight_ = 0;
  float sum_ = 0;
  float error_ = std::numeric_limits<float>::infinity();
  Scale scale_{};
  Scale bias_{};
};

}  // namespace

template <typename Scale>
void affine_search(const AffineFormat& format, size_t rows, size_t columns, const float* weights,
                   const float* importance, uint32_t* codes, Scale* scales, Scale* biases) {
  check_affine(format, columns);
  const auto group_size = static_cast<size_t>(format.group_size);
  const size_t group_words = packed_words(group_size, format.bits);
  std::array<uint8_t, max_group> group_codes;
  for (size_t group = 0; group < rows * (columns / group_size); ++group) {
    const size_t first = group * group_size;
    const GroupSearch<Scale> search(format, weights + first, importance + first % columns);
    search.codes(group_codes.data());
    pack_codes(format.bits, group_size, group_codes.data(), codes + group * group_words);
    scales[group] = search.scale();
    biases[group] = search.bias();
  }
}

template void affine_search(const AffineFormat&, size_t, size_t, const float*, const float*,
                            uint32_t*, float*, float*);
template void affine_search(const AffineFormat&, size_t, size_t, const float*, const float*,
                            uint32_t*, float16*, float16*);
template void affine_search(const AffineFormat&, size_t, size_t, const float*, const float*,
                            uint32_t*, bfloat16*, bfloat16*);

}  // namespace tarn::quant
