#include "tarn/quant/scale_search.h"

#include <algorithm>
#include <cmath>

namespace tarn::quant {
namespace {

// Scales tried, around the one that just reaches the largest value.
constexpr int steps = 9;
constexpr float step = 0.1F;

int clamped_round(float x, int lowest, int highest) {
  return static_cast<int>(
      std::rint(std::clamp(x, static_cast<float>(lowest), static_cast<float>(highest))));
}

// Sums of a least squares fit of values by codes.
struct Fit {
  float vc = 0;
  float cc = 0;
  void add(float weight, float value, float code) {
    vc += weight * value * code;
    cc += weight * code * code;
  }
  // How much of the squared error it takes away.
  float gain() const { return cc > 0 ? vc * vc / cc : 0; }
  float scale() const { return cc > 0 ? vc / cc : 0; }
};

float farthest_from_zero(size_t count, const float* values) {
  float farthest = 0;
  for (size_t i = 0; i < count; ++i) {
    if (std::abs(values[i]) > std::abs(farthest)) farthest = values[i];
  }
  return farthest;
}

}  // namespace

float search_scale(size_t count, const float* values, const float* weights, int lowest, int highest,
                   int8_t* codes) {
  const float farthest = farthest_from_zero(count, values);
  std::fill(codes, codes + count, int8_t{0});
  if (std::abs(farthest) < 1e-30F) return 0;
  float best_gain = -1, best_scale = 0, best_inverse = 0;
  for (const int end : {lowest, highest}) {
    for (int s = -steps; s <= steps; ++s) {
      const float inverse =
          (static_cast<float>(end) + (end < 0 ? -step : step) * static_cast<float>(s)) / farthest;
      Fit fit;
      for (size_t i = 0; i < count; ++i) {
        const int code = clamped_round(values[i] * inverse, lowest, highest);
        fit.add(weights[i], values[i], static_cast<float>(code));
      }
      if (fit.gain() <= best_gain) continue;
      best_gain = fit.gain();
      best_scale = fit.scale();
      best_inverse = inverse;
    }
  }
  for (size_t i = 0; i < count; ++i) {
    codes[i] = static_cast<int8_t>(clamped_round(values[i] * best_inverse, lowest, highest));
  }
  return best_scale;
}

ScaleAndMin search_scale_and_min(size_t count, const float* values, const float* weights,
                                 int highest, uint8_t* codes) {
  const float least = std::min(0.0F, *std::min_element(values, values + count));
  const float most = *std::max_element(values, values + count);
  std::fill(codes, codes + count, uint8_t{0});
  if (most <= least) return {0, -least};
  float weight = 0, sum = 0;
  for (size_t i = 0; i < count; ++i) {
    weight += weights[i];
    sum += weights[i] * values[i];
  }
  ScaleAndMin best{0, -least};
  float best_error = INFINITY;
  const auto try_codes = [&](float inverse, float from) {
    float c = 0, cc = 0, vc = 0;
    for (size_t i = 0; i < count; ++i) {
      const auto code = static_cast<float>(clamped_round((values[i] - from) * inverse, 0, highest));
      c += weights[i] * code;
      cc += weights[i] * code * code;
      vc += weights[i] * code * values[i];
    }
    // value = scale * code + offset, offset <= 0
    const float determinant = weight * cc - c * c;
    const bool all_alike = !(determinant > 1e-6F * weight * cc);
    float scale = all_alike ? 0 : (weight * vc - c * sum) / determinant;
    float offset = all_alike ? 1 : (cc * sum - c * vc) / determinant;
    if (offset > 0) {
      offset = 0;
      scale = cc > 0 ? vc / cc : 0;
    }
    if (!(scale > 0)) return;
    float error = 0;
    for (size_t i = 0; i < count; ++i) {
      const int code = clamped_round((values[i] - offset) / scale, 0, highest);
      const float off = scale * static_cast<float>(code) + offset - values[i];
      error += weights[i] * off * off;
    }
    if (error >= best_error) return;
    best_error = error;
    best = {scale, -offset};
  };
  for (int s = -steps; s <= 2 * steps; ++s) {
    const float reach = static_cast<float>(highest) + step * static_cast<float>(s);
    if (reach > 0.5F) try_codes(reach / (most - least), least);
  }
  if (best.scale > 0) {
    for (size_t i = 0; i < count; ++i) {
      codes[i] =
          static_cast<uint8_t>(clamped_round((values[i] + best.min) / best.scale, 0, highest));
    }
  }
  return best;
}

void nearest_codes(size_t count, const float* values, float scale, std::span<const int8_t> table,
                   uint8_t* codes) {
  const float inverse = scale != 0 ? 1 / scale : 0;
  for (size_t i = 0; i < count; ++i) {
    const float x = values[i] * inverse;
    uint8_t code = 0;
    for (size_t k = 1; k < table.size(); ++k) {
      const float border = 0.5F * (static_cast<float>(table[k - 1]) + static_cast<float>(table[k]));
      code = static_cast<uint8_t>(code + (x > border ? 1 : 0));
    }
    codes[i] = code;
  }
}

float search_table_scale(size_t count, const float* values, const float* weights,
                         std::span<const int8_t> table, uint8_t* codes) {
  const float farthest = farthest_from_zero(count, values);
  if (std::abs(farthest) < 1e-30F) {
    nearest_codes(count, values, 0, table, codes);
    return 0;
  }
  float best_gain = -1, best_scale = 0;
  for (const int8_t end : {table.front(), table.back()}) {
    for (int s = -steps; s <= steps; ++s) {
      const float scale =
          farthest / (static_cast<float>(end) * (1 + 0.02F * static_cast<float>(s)));
      nearest_codes(count, values, scale, table, codes);
      Fit fit;
      for (size_t i = 0; i < count; ++i) {
        fit.add(weights[i], values[i], static_cast<float>(table[codes[i]]));
      }
      if (fit.gain() <= best_gain) continue;
      best_gain = fit.gain();
      best_scale = fit.scale();
    }
  }
  nearest_codes(count, values, best_scale, table, codes);
  return best_scale;
}

}  // namespace tarn::quant
