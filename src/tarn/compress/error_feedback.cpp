#include "tarn/compress/error_feedback.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tarn::compress {
namespace {

constexpr double damping = 0.01;
// What a code stands for is the same for so many inputs of a row (quant/codec.h).
constexpr size_t shared_inputs = 32;

// V of  A = V^T V,  upper, in place of A [n, n]; false when A is not positive.
bool factor_in_place(std::vector<double>& a, size_t n) {
  for (size_t j = 0; j < n; ++j) {
    double* row = a.data() + j * n;
    if (!(row[j] > 0) || !std::isfinite(row[j])) return false;
    const double inverse = 1 / std::sqrt(row[j]);
    for (size_t k = j; k < n; ++k) row[k] *= inverse;
    for (size_t i = j + 1; i < n; ++i) {
      double* other = a.data() + i * n;
      const double by = row[i];
      for (size_t k = i; k < n; ++k) other[k] -= by * row[k];
    }
  }
  return true;
}

// The values of all codes, for each row of a panel and each stretch of inputs, in rising order.
class Levels {
 public:
  Levels(const quant::Codec& codec, size_t rows, size_t columns, size_t first_row, size_t count,
         std::span<std::byte* const> parts)
      : codes_(size_t{1} << codec.free_code_bits()),
        groups_((columns + shared_inputs - 1) / shared_inputs),
        values_(count * groups_ * codes_),
        order_(values_.size()) {
    const std::vector<const std::byte*> stored(parts.begin(), parts.end());
    std::vector<float> decoded(count * columns);
    for (size_t code = 0; code < codes_; ++code) {
      const std::vector<uint8_t> alike(columns, static_cast<uint8_t>(code));
      for (size_t r = 0; r < count; ++r) {
        codec.set_codes(rows, columns, parts, first_row + r, alike.data());
      }
      codec.decode(rows, columns, stored, first_row, first_row + count, decoded.data());
      for (size_t r = 0; r < count; ++r) {
        for (size_t g = 0; g < groups_; ++g) {
          values_[(r * groups_ + g) * codes_ + code] = decoded[r * columns + g * shared_inputs];
        }
      }
    }
    sort();
  }

  struct Nearest {
    uint8_t code;
    float value;
  };
  Nearest nearest(size_t row, size_t input, float value) const {
    const size_t first = (row * groups_ + input / shared_inputs) * codes_;
    const float* begin = values_.data() + first;
    const float* above = std::lower_bound(begin, begin + codes_, value);
    if (above == begin + codes_ || (above != begin && value - above[-1] <= *above - value)) --above;
    return {order_[first + static_cast<size_t>(above - begin)], *above};
  }

 private:
  void sort() {
    std::vector<uint8_t> order(codes_);
    std::vector<float> sorted(codes_);
    for (size_t first = 0; first < values_.size(); first += codes_) {
      std::iota(order.begin(), order.end(), uint8_t{0});
      std::stable_sort(order.begin(), order.end(), [&](uint8_t a, uint8_t b) {
        return values_[first + a] < values_[first + b];
      });
      for (size_t i = 0; i < codes_; ++i) sorted[i] = values_[first + order[i]];
      std::copy(sorted.begin(), sorted.end(), values_.data() + first);
      std::copy(order.begin(), order.end(), order_.data() + first);
    }
  }
  size_t codes_;
  size_t groups_;
  std::vector<float> values_;
  std::vector<uint8_t> order_;  // the code of each
};

}  // namespace

// With rows and columns in reverse, H = V^T V gives U at once: U is the inverse of the upper
// triangle R of H = R R^T, and R is V^T read backwards.
std::vector<float> feedback_factor(const std::vector<float>& hessian, size_t columns) {
  const size_t n = columns;
  std::vector<double> a(n * n);
  double trace = 0;
  for (size_t i = 0; i < n; ++i) trace += static_cast<double>(hessian[i * n + i]);
  const double damp = damping * trace / static_cast<double>(n);
  for (size_t i = 0; i < n; ++i) {
    for (size_t k = 0; k < n; ++k) {
      a[i * n + k] = static_cast<double>(hessian[(n - 1 - i) * n + n - 1 - k]);
    }
    a[i * n + i] += damp;
  }
  if (!(damp > 0) || !factor_in_place(a, n)) return {};
  // X = V^-T, lower, row by row; U is X read backwards.
  std::vector<double> x(n * n);
  for (size_t i = 0; i < n; ++i) {
    double* row = x.data() + i * n;
    row[i] = 1;
    for (size_t k = 0; k < i; ++k) {
      const double by = a[k * n + i];
      const double* other = x.data() + k * n;
      for (size_t c = 0; c <= k; ++c) row[c] -= by * other[c];
    }
    const double inverse = 1 / a[i * n + i];
    for (size_t c = 0; c <= i; ++c) row[c] *= inverse;
  }
  std::vector<float> factor(n * n);
  for (size_t i = 0; i < n; ++i) {
    for (size_t k = i; k < n; ++k) {
      factor[i * n + k] = static_cast<float>(x[(n - 1 - i) * n + n - 1 - k]);
    }
  }
  return factor;
}

void feed_back_errors(const quant::Codec& codec, size_t rows, size_t columns,
                      const std::vector<float>& factor, size_t first_row, float* weights,
                      std::span<std::byte* const> parts) {
  const size_t count = std::min<size_t>(quant::panel_rows, rows - first_row);
  const Levels levels(codec, rows, columns, first_row, count, parts);
  std::vector<uint8_t> codes(count * columns);
  for (size_t j = 0; j < columns; ++j) {
    const float* u = factor.data() + j * columns;
    for (size_t r = 0; r < count; ++r) {
      float* w = weights + r * columns;
      const Levels::Nearest nearest = levels.nearest(r, j, w[j]);
      codes[r * columns + j] = nearest.code;
      const float error = (w[j] - nearest.value) / u[j];
      for (size_t k = j + 1; k < columns; ++k) w[k] -= error * u[k];
    }
  }
  for (size_t r = 0; r < count; ++r) {
    codec.set_codes(rows, columns, parts, first_row + r, codes.data() + r * columns);
  }
}

}  // namespace tarn::compress
