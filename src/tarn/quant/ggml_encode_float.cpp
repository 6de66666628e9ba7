#include "tarn/quant/ggml_encode_float.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>

#include "tarn/quant/block_float.h"
#include "tarn/quant/ggml_blocks.h"

namespace tarn::quant {
namespace {

float largest_of(const float* x, size_t count) {
  float largest = 0;
  for (size_t i = 0; i < count; ++i) largest = std::max(largest, std::abs(x[i]));
  return largest;
}

// First halves of `2 * half` codes in low nibbles.
void put_nibbles(const uint8_t* codes, size_t half, std::byte* out) {
  for (size_t i = 0; i < half; ++i) {
    out[i] = static_cast<std::byte>(codes[i] | codes[half + i] << 4);
  }
}

// The nearest of the doubled e2m1 values to x / d, the first of equals.
uint8_t nearest_doubled(float x, float d) {
  const std::span<const int8_t> table = ggml_table(GgmlType::mxfp4);
  size_t best = 0;
  float least = INFINITY;
  for (size_t code = 0; code < table.size(); ++code) {
    const float error = std::abs(d * static_cast<float>(table[code]) - x);
    if (error >= least) continue;
    least = error;
    best = code;
  }
  return static_cast<uint8_t>(best);
}

// Fills the codes for a scale; the weighted squared error.
template <size_t count>
float try_scale(const float* x, const float* weights, float scale, uint8_t* codes) {
  float error = 0;
  for (size_t i = 0; i < count; ++i) {
    codes[i] = scale > 0 ? to_e2m1(x[i] / scale) : uint8_t{0};
    const float off = scale * e2m1_to_float(codes[i]) - x[i];
    error += weights[i] * off * off;
  }
  return error;
}

// The best of the scales that the bytes [first, last] stand for: its byte and codes.
template <size_t count, typename ScaleOf>
uint8_t search_byte(const float* x, const float* weights, int first, int last, ScaleOf scale_of,
                    std::array<uint8_t, count>& codes) {
  auto best = static_cast<uint8_t>(first);
  float least = std::numeric_limits<float>::infinity();
  for (int byte = first; byte <= last; ++byte) {
    std::array<uint8_t, count> tried;
    const float error =
        try_scale<count>(x, weights, scale_of(static_cast<uint8_t>(byte)), tried.data());
    if (error >= least && byte != first) continue;
    least = error;
    best = static_cast<uint8_t>(byte);
    codes = tried;
  }
  return best;
}

}  // namespace

void encode_mxfp4(const float* values, const float* weights, std::byte* out) {
  std::array<uint8_t, 32> codes{};
  const float largest = largest_of(values, codes.size());
  int exponent = 0;
  if (largest > 0) {
    exponent = std::clamp(static_cast<int>(std::floor(std::log2(largest))) - 2 + 127, 0, 254);
  }
  if (weights == nullptr) {
    const float d = std::ldexp(1.0F, exponent - 128);
    for (size_t i = 0; i < codes.size(); ++i) codes[i] = nearest_doubled(values[i], d);
  } else {
    exponent = search_byte(values, weights, std::max(exponent - 1, 0), std::min(exponent + 1, 253),
                           e8m0_to_float, codes);
  }
  out[0] = static_cast<std::byte>(exponent);
  put_nibbles(codes.data(), codes.size() / 2, out + 1);
}

void encode_nvfp4(const float* values, const float* weights, std::byte* out) {
  const auto scale_of = [](uint8_t byte) { return to_float(float8_e4m3{byte}); };
  for (size_t sub = 0; sub < 4; ++sub) {
    const float* x = values + 16 * sub;
    std::array<uint8_t, 16> codes{};
    // That whose largest code is 6, and those to where it is about 8 or 4.
    const int reach = to_float8_e4m3(largest_of(x, codes.size()) / 6).bits;
    const uint8_t scale = search_byte(x, weights + 16 * sub, std::max(reach - 4, 0),
                                      std::min(reach + 5, 0x7e), scale_of, codes);
    out[sub] = static_cast<std::byte>(scale);
    put_nibbles(codes.data(), codes.size() / 2, out + 4 + 8 * sub);
  }
}

}  // namespace tarn::quant
