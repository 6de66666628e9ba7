#include "tarn/quant/palette.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <unordered_set>
#include <vector>

#include "tarn/base/error.h"
#include "tarn/quant/kmeans.h"

namespace tarn::quant {
namespace {

constexpr size_t cells = 65536;

struct Weights {
  size_t count;
  size_t columns;
  const float* values;
  const float* importance;

  double weight(size_t i) const { return importance == nullptr ? 1 : importance[i % columns]; }
};

// So that zero has one representation.
float plain(float x) { return x + 0.0F; }

// Where a value is counted: its bfloat16 where all are such, exactly; else its place in the range.
class Cells {
 public:
  explicit Cells(const Weights& w) {
    uint32_t low_bits = 0;
    for (size_t i = 0; i < w.count; ++i) low_bits |= std::bit_cast<uint32_t>(w.values[i]);
    exact_ = (low_bits & 0xffffU) == 0;
    const auto [low, high] = std::minmax_element(w.values, w.values + w.count);
    low_ = *low;
    range_ = std::max(static_cast<double>(*high) - *low, 1e-300);
  }
  size_t operator()(float value) const {
    if (exact_) return std::bit_cast<uint32_t>(plain(value)) >> 16;
    const double place = (static_cast<double>(value) - low_) / range_ * cells;
    return std::min(static_cast<size_t>(place), cells - 1);
  }

 private:
  bool exact_ = false;
  double low_ = 0;
  double range_ = 1;
};

std::vector<WeightedValue> sorted_values(const Weights& w) {
  std::vector<WeightedValue> values;
  if (w.count <= cells) {
    for (size_t i = 0; i < w.count; ++i) values.push_back({plain(w.values[i]), w.weight(i)});
  } else {
    std::vector<WeightedValue> sums(cells);
    const Cells cell(w);
    for (size_t i = 0; i < w.count; ++i) {
      WeightedValue& sum = sums[cell(w.values[i])];
      sum.weight += w.weight(i);
      sum.value += w.weight(i) * w.values[i];
    }
    for (const WeightedValue& sum : sums) {
      if (sum.weight > 0) values.push_back({sum.value / sum.weight, sum.weight});
    }
  }
  std::stable_sort(values.begin(), values.end(),
                   [](const auto& a, const auto& b) { return a.value < b.value; });
  size_t used = 0;
  for (const WeightedValue& one : values) {
    if (used > 0 && values[used - 1].value == one.value) {
      values[used - 1].weight += one.weight;
    } else {
      values[used++] = one;
    }
  }
  values.resize(used);
  return values;
}

std::vector<double> unique_values(const Weights& w, int bits) {
  std::unordered_set<uint32_t> seen;
  const size_t most = size_t{1} << bits;
  for (size_t i = 0; i < w.count && seen.size() <= most; ++i) {
    seen.insert(std::bit_cast<uint32_t>(plain(w.values[i])));
  }
  if (seen.size() > most) {
    fail(ErrorCode::invalid_argument,
         "palette: {} weights have more distinct values than the {} of {} bits; take more bits, or "
         "leave out \"unique\" for the nearest ones",
         w.count, most, bits);
  }
  std::vector<double> values;
  for (const uint32_t bit_pattern : seen) {
    const auto value = std::bit_cast<float>(bit_pattern);
    if (to_float(to_float16(value)) != value) {
      fail(ErrorCode::invalid_argument,
           "palette: the weight {} is no float16, as the entries of tables are; leave out "
           "\"unique\" for the nearest ones",
           value);
    }
    values.push_back(value);
  }
  std::sort(values.begin(), values.end());
  return values;
}

std::vector<double> uniform_values(const Weights& w, size_t entries) {
  const auto [low, high] = std::minmax_element(w.values, w.values + w.count);
  const double step = (static_cast<double>(*high) - *low) / static_cast<double>(entries - 1);
  std::vector<double> values(entries);
  for (size_t i = 0; i < entries; ++i) values[i] = *low + step * static_cast<double>(i);
  return values;
}

std::vector<double> entries_for(const Format& format, const Weights& w) {
  const size_t entries = size_t{1} << format.bits;
  if (format.fit == PaletteFit::unique) return unique_values(w, format.bits);
  if (format.fit == PaletteFit::uniform) return uniform_values(w, entries);
  std::vector<double> centers = optimal_centers(sorted_values(w), entries);
  if (centers.empty()) centers.push_back(0);  // no input has any importance
  return centers;
}

}  // namespace

void palette_encode(const Format& format, size_t rows, size_t columns, const float* weights,
                    const float* importance, uint8_t* codes, float16* table) {
  const Weights w{rows * columns, columns, weights, importance};
  const std::vector<double> values = entries_for(format, w);
  const size_t entries = size_t{1} << format.bits;
  std::vector<float> rounded(entries);
  for (size_t i = 0; i < entries; ++i) {
    table[i] = to_float16(static_cast<float>(values[std::min(i, values.size() - 1)]));
    rounded[i] = to_float(table[i]);
    if (!std::isfinite(rounded[i])) {
      fail(ErrorCode::invalid_argument,
           "palette: the weight {} is too large for tables of float16; take another format",
           values[std::min(i, values.size() - 1)]);
    }
  }
  // Borders between neighbours; a value on one belongs below.
  std::vector<float> borders(entries - 1);
  for (size_t i = 0; i + 1 < entries; ++i) borders[i] = (rounded[i] + rounded[i + 1]) / 2;
  for (size_t i = 0; i < w.count; ++i) {
    codes[i] = static_cast<uint8_t>(std::lower_bound(borders.begin(), borders.end(), weights[i]) -
                                    borders.begin());
  }
}

}  // namespace tarn::quant
