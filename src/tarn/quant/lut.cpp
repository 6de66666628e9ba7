#include "tarn/quant/lut.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "tarn/quant/level_search.h"

namespace tarn::quant {
namespace {

// First scales, as parts of the one that just reaches the largest magnitude of a row or group.
constexpr std::array reaches = {1.0F, 0.9F, 0.8F};
// Rounds of table, codes and scales behind the best of them.
constexpr int rounds = 3;
// What inverse scales are tried with when they are fitted to a table.
constexpr std::array group_range = {0.8F, 0.85F, 0.9F, 0.95F, 1.0F, 1.05F, 1.1F, 1.15F, 1.2F};
constexpr std::array row_range = {0.97F, 1.0F, 1.03F};
constexpr std::span<const float> group_stretches = group_range;
constexpr std::span<const float> row_stretches = row_range;

class Search {
 public:
  Search(const LutFormat& format, size_t rows, size_t columns, const float* weights,
         const float* importance)
      : columns_(columns),
        group_(format.group_size == 0 ? columns : static_cast<size_t>(format.group_size)),
        by_group_(format.group_size != 0),
        weights_(weights),
        importance_(importance),
        levels_(size_t{1} << format.bits),
        largest_(rows * columns / group_),
        scales_(largest_.size()),
        codes_(rows * columns) {
    for (size_t g = 0; g < largest_.size(); ++g) {
      // Of a group with its sign: its farthest value always lies at the table's upper end, which
      // leaves the lower one denser. A row is long enough to have values at both ends.
      for (size_t i = 0; i < group_; ++i) {
        const float w = weights[g * group_ + i];
        if (std::abs(w) > std::abs(largest_[g])) largest_[g] = by_group_ ? w : std::abs(w);
      }
    }
  }

  void run() {
    for (const float reach : reaches) {
      for (size_t g = 0; g < scales_.size(); ++g) set_scale(g, largest_[g] * reach);
      round();
      keep_if_better();
    }
    scales_ = best_scales_;
    for (int i = 0; i < rounds; ++i) {
      round();
      refit_scales();
      keep_if_better();
    }
    // Codes of the best, once more for its own table and scales.
    scales_ = best_scales_;
    levels_ = best_levels_;
    assign();
  }

  const std::vector<uint8_t>& codes() const { return codes_; }
  const std::vector<int8_t>& levels() const { return levels_; }
  const std::vector<float>& scales() const { return scales_; }

 private:
  // As it will be stored.
  void set_scale(size_t g, float scale) {
    scales_[g] = by_group_ ? to_float(to_float16(scale)) : scale;
  }

  float weight(size_t i) const { return importance_ == nullptr ? 1 : importance_[i % columns_]; }

  // The best table for the scales, and the best codes for both.
  void round() {
    histogram_.clear();
    for (size_t g = 0; g < scales_.size(); ++g) {
      const float unit = scales_[g] / lut_unit;
      if (unit == 0) continue;
      const float inverse = 1 / unit;
      for (size_t i = g * group_; i < (g + 1) * group_; ++i) {
        histogram_.add(weights_[i] * inverse, weight(i) * unit * unit);
      }
    }
    search_levels(histogram_, levels_);
    assign();
  }

  // The code of each half unit, since borders between levels are multiples of 1/2.
  void make_codes_of_bins() {
    size_t code = 0;
    for (int bin = 0; bin < LevelHistogram::bins; ++bin) {
      const double upper = bin / 2.0 - largest_level;  // values up to here
      while (code + 1 < levels_.size() && levels_[code + 1] > levels_[code] &&
             upper > (levels_[code] + levels_[code + 1]) / 2.0) {
        ++code;
      }
      code_of_[static_cast<size_t>(bin)] = static_cast<uint8_t>(code);
    }
  }

  uint8_t code_at(float value) const {
    const float place = std::ceil(2 * (value + static_cast<float>(largest_level)));
    return code_of_[static_cast<size_t>(
        std::clamp(place, 0.0F, static_cast<float>(LevelHistogram::bins - 1)))];
  }

  void assign() {
    make_codes_of_bins();
    error_ = 0;
    for (size_t g = 0; g < scales_.size(); ++g) {
      const float unit = scales_[g] / lut_unit;
      const float inverse = unit == 0 ? 0 : 1 / unit;
      double error = 0;
      for (size_t i = g * group_; i < (g + 1) * group_; ++i) {
        codes_[i] = code_at(weights_[i] * inverse);
        const float off = static_cast<float>(levels_[codes_[i]]) * unit - weights_[i];
        error += static_cast<double>(weight(i) * off * off);
      }
      error_ += error;
    }
  }

  // For each row or group the scale, of some around the present one, whose codes leave the least
  // error with the scale that fits these codes best.
  void refit_scales() {
    for (size_t g = 0; g < scales_.size(); ++g) {
      const float unit = scales_[g] / lut_unit;
      if (unit == 0) continue;
      float most = 0, best = 0;
      for (const float stretch : by_group_ ? group_stretches : row_stretches) {
        const float inverse = stretch / unit;
        float vc = 0, cc = 0;
        for (size_t i = g * group_; i < (g + 1) * group_; ++i) {
          const auto c = static_cast<float>(levels_[code_at(weights_[i] * inverse)]);
          vc += weight(i) * c * weights_[i];
          cc += weight(i) * c * c;
        }
        const float gain = cc > 0 ? vc * vc / cc : 0;
        if (gain <= most) continue;
        most = gain;
        best = vc / cc;
      }
      if (most > 0) set_scale(g, best * lut_unit);
    }
    assign();
  }

  void keep_if_better() {
    if (error_ >= best_error_) return;
    best_error_ = error_;
    best_scales_ = scales_;
    best_levels_ = levels_;
  }

  size_t columns_;
  size_t group_;
  bool by_group_;
  const float* weights_;
  const float* importance_;
  std::vector<int8_t> levels_;
  std::vector<float> largest_;  // magnitudes by group
  std::vector<float> scales_;
  std::vector<uint8_t> codes_;
  LevelHistogram histogram_;
  std::array<uint8_t, LevelHistogram::bins> code_of_{};
  double error_ = 0;
  double best_error_ = std::numeric_limits<double>::infinity();
  std::vector<float> best_scales_;
  std::vector<int8_t> best_levels_;
};

}  // namespace

void lut_encode(const LutFormat& format, size_t rows, size_t columns, const float* weights,
                const float* importance, uint8_t* codes, int8_t* table, void* scales) {
  Search search(format, rows, columns, weights, importance);
  search.run();
  std::copy(search.codes().begin(), search.codes().end(), codes);
  std::copy(search.levels().begin(), search.levels().end(), table);
  for (size_t i = 0; i < search.scales().size(); ++i) {
    if (format.group_size == 0) {
      static_cast<float*>(scales)[i] = search.scales()[i];
    } else {
      static_cast<float16*>(scales)[i] = to_float16(search.scales()[i]);
    }
  }
}

}  // namespace tarn::quant
