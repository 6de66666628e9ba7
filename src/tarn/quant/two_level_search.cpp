#include "tarn/quant/two_level_search.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tarn/base/half.h"
#include "tarn/quant/scale_search.h"

namespace tarn::quant {
namespace {

// Times that whole numbers and common scales are fitted to each other: more gains nothing.
constexpr int refinements = 2;

float rounded_to_half(float x) { return to_float(to_float16(x)); }

float rounded(float x, int lowest, int highest) {
  return std::rint(std::clamp(x, static_cast<float>(lowest), static_cast<float>(highest)));
}

// The weighted squared error of a group whose values are rounded to scale * code - min.
float group_error(const float* x, const float* weights, size_t count, float scale, float min,
                  int highest) {
  const float inverse = scale > 0 ? 1 / scale : 0;
  std::array<float, super_inputs> errors;
  for (size_t i = 0; i < count; ++i) {
    const float off = scale * rounded((x[i] + min) * inverse, 0, highest) - min - x[i];
    errors[i] = weights[i] * off * off;
  }
  float sum = 0;
  for (size_t i = 0; i < count; ++i) sum += errors[i];
  return sum;
}

// One block while its scales are searched for.
class MinsSearch {
 public:
  MinsSearch(const float* x, const float* weights, size_t group, int highest, int sub_highest)
      : x_(x), weights_(weights), group_(group), highest_(highest), sub_highest_(sub_highest) {}

  WithMins run() {
    start();
    assign_codes();
    WithMins best = now_;
    keep_better(best, error());
    keep_better(best, fit_common_scales());
    for (int i = 0; i < refinements; ++i) {
      refine_whole_numbers();
      assign_codes();
      keep_better(best, error());
      keep_better(best, fit_common_scales());
    }
    return best;
  }

 private:
  size_t groups() const { return super_inputs / group_; }

  // Each group on its own, and the largest of them reached.
  void start() {
    std::array<ScaleAndMin, 16> fits{};
    float most = 0, most_min = 0;
    for (size_t g = 0; g < groups(); ++g) {
      fits[g] = search_scale_and_min(group_, x_ + g * group_, weights_ + g * group_, highest_,
                                     now_.codes.data() + g * group_);
      most = std::max(most, fits[g].scale);
      most_min = std::max(most_min, fits[g].min);
    }
    now_.d = rounded_to_half(most / static_cast<float>(sub_highest_));
    now_.dmin = rounded_to_half(most_min / static_cast<float>(sub_highest_));
    for (size_t g = 0; g < groups(); ++g) {
      now_.sub[g] = whole(fits[g].scale, now_.d);
      now_.min[g] = whole(fits[g].min, now_.dmin);
    }
  }

  int whole(float scale, float common) const {
    return common > 0 ? static_cast<int>(rounded(scale / common, 0, sub_highest_)) : 0;
  }

  void assign_codes() {
    for (size_t g = 0; g < groups(); ++g) {
      const float scale = now_.d * static_cast<float>(now_.sub[g]);
      const float min = now_.dmin * static_cast<float>(now_.min[g]);
      const float inverse = scale > 0 ? 1 / scale : 0;
      for (size_t i = g * group_; i < (g + 1) * group_; ++i) {
        now_.codes[i] = static_cast<uint8_t>(rounded((x_[i] + min) * inverse, 0, highest_));
      }
    }
  }

  float error_of(size_t g, int sub, int min) const {
    return group_error(x_ + g * group_, weights_ + g * group_, group_,
                       now_.d * static_cast<float>(sub), now_.dmin * static_cast<float>(min),
                       highest_);
  }

  float error() const {
    float sum = 0;
    for (size_t g = 0; g < groups(); ++g) sum += error_of(g, now_.sub[g], now_.min[g]);
    return sum;
  }

  // The best two common scales for these whole numbers and codes, and the best codes for them.
  float fit_common_scales() {
    double aa = 0, ab = 0, bb = 0, av = 0, bv = 0;
    for (size_t i = 0; i < super_inputs; ++i) {
      const double a = static_cast<double>(now_.sub[i / group_]) * now_.codes[i];
      const double b = -static_cast<double>(now_.min[i / group_]);
      const double w = weights_[i];
      aa += w * a * a;
      ab += w * a * b;
      bb += w * b * b;
      av += w * a * x_[i];
      bv += w * b * x_[i];
    }
    const double determinant = aa * bb - ab * ab;
    if (determinant > 1e-12 * aa * bb) {
      const double d = (av * bb - bv * ab) / determinant;
      const double dmin = (bv * aa - av * ab) / determinant;
      if (d > 0 && dmin >= 0) {
        now_.d = rounded_to_half(static_cast<float>(d));
        now_.dmin = rounded_to_half(static_cast<float>(dmin));
        assign_codes();
      }
    }
    return error();
  }

  // Neighbours of each group's two whole numbers, each with codes of its own.
  void refine_whole_numbers() {
    for (size_t g = 0; g < groups(); ++g) {
      const int sub = now_.sub[g], min = now_.min[g];
      float least = std::numeric_limits<float>::max();
      for (int s = std::max(0, sub - 1); s <= std::min(sub_highest_, sub + 1); ++s) {
        for (int m = std::max(0, min - 1); m <= std::min(sub_highest_, min + 1); ++m) {
          const float at = error_of(g, s, m);
          if (at >= least) continue;
          least = at;
          now_.sub[g] = s;
          now_.min[g] = m;
        }
      }
    }
  }

  void keep_better(WithMins& best, float error) {
    if (error >= least_) return;
    least_ = error;
    best = now_;
  }

  const float* x_;
  const float* weights_;
  size_t group_;
  int highest_;
  int sub_highest_;
  WithMins now_;
  float least_ = std::numeric_limits<float>::max();
};

}  // namespace

TwoLevels search_two_levels(const float* values, const float* weights, size_t group, int lowest,
                            int highest, int sub_lowest) {
  TwoLevels best;
  std::array<float, 16> scales{};
  for (size_t g = 0; g < super_inputs / group; ++g) {
    scales[g] = search_scale(group, values + g * group, weights + g * group, lowest, highest,
                             best.codes.data() + g * group);
  }
  const float farthest = *std::max_element(
      scales.begin(), scales.end(), [](float a, float b) { return std::abs(a) < std::abs(b); });
  if (farthest == 0) return best;
  const auto assign = [&](float d) {
    for (size_t g = 0; g < super_inputs / group; ++g) {
      best.sub[g] =
          d != 0 ? static_cast<int>(rounded(scales[g] / d, sub_lowest, -sub_lowest - 1)) : 0;
      const float scale = d * static_cast<float>(best.sub[g]);
      for (size_t i = g * group; i < (g + 1) * group; ++i) {
        best.codes[i] =
            static_cast<int8_t>(scale != 0 ? rounded(values[i] / scale, lowest, highest) : 0);
      }
    }
  };
  best.d = rounded_to_half(farthest / static_cast<float>(sub_lowest));
  assign(best.d);
  // The best common scale for these whole numbers, and the best codes for it.
  float vc = 0, cc = 0;
  for (size_t i = 0; i < super_inputs; ++i) {
    const auto c = static_cast<float>(best.sub[i / group] * best.codes[i]);
    vc += weights[i] * values[i] * c;
    cc += weights[i] * c * c;
  }
  if (cc > 0 && vc != 0) {
    best.d = rounded_to_half(vc / cc);
    assign(best.d);
  }
  return best;
}

WithMins search_with_mins(const float* values, const float* weights, size_t group, int highest,
                          int sub_highest) {
  return MinsSearch(values, weights, group, highest, sub_highest).run();
}

}  // namespace tarn::quant
