// Operations on quantized weights against their composition: dequantize, then a plain product.
#include "tarn/ops/quantized.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tarn/base/team.h"
#include "tarn/memory/pool.h"
#include "tarn/ops/creation.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/index.h"
#include "tarn/ops/matmul.h"
#include "tarn/ops/shape.h"
#include "tests/support/errors.h"

namespace tarn {
namespace {

using testing::HasSubstr;

// Values in [-1, 1] that differ everywhere.
array wave(const Shape& shape, float phase = 0) {
  return reshape(sin(arange(0, static_cast<double>(element_count(shape))) * 1.7F + phase), shape);
}

// The float32 values that codes stand for, none rounded to the scales' type: what panels multiply.
std::vector<float> values_of(const AffineMatrix& w) {
  return dequantize({w.codes, astype(w.scales, Dtype::f32), astype(w.biases, Dtype::f32), w.bits,
                     w.group_size})
      .to_vector<float>();
}

constexpr int64_t kRows = 37;  // two whole panels and five rows
constexpr int64_t kInputs = 256;

AffineMatrix matrix(Dtype dtype, int bits, int group_size, int64_t rows = kRows) {
  return quantize(astype(wave({rows, kInputs}, 0.3F), dtype), group_size, bits);
}

// Each element of x [T, K] times w transposed. Exact: a sum of K float products in any order is
// within K * 2^-24 of the sum of magnitudes; codes and biases cancel in part, so their terms are
// larger than their sum, by at most the constant. int8: each activation is off by at most half a
// step of its group, its largest magnitude / 254, on top.
void expect_product(const std::vector<float>& out, const std::vector<float>& x,
                    const AffineMatrix& w, bool exact) {
  const std::vector<float> weights = values_of(w);
  const auto inputs = static_cast<size_t>(w.columns());
  const auto rows = static_cast<size_t>(w.rows());
  const auto group = static_cast<size_t>(w.group_size);
  ASSERT_EQ(out.size() * inputs, x.size() * rows);
  for (size_t t = 0; t < x.size() / inputs; ++t) {
    for (size_t n = 0; n < rows; ++n) {
      double sum = 0, magnitudes = 0, steps = 0;
      for (size_t first = 0; first < inputs; first += group) {
        double largest = 0;
        double weight_sum = 0;
        for (size_t k = first; k < first + group; ++k) {
          const double product =
              static_cast<double>(weights[n * inputs + k]) * static_cast<double>(x[t * inputs + k]);
          sum += product;
          magnitudes += std::abs(product);
          weight_sum += std::abs(static_cast<double>(weights[n * inputs + k]));
          largest = std::max(largest, std::abs(static_cast<double>(x[t * inputs + k])));
        }
        steps += weight_sum * largest / 254;
      }
      const double rounding = magnitudes * static_cast<double>(inputs + 4) * 0x1p-24 + 1e-4;
      ASSERT_NEAR(out[t * rows + n], sum, exact ? rounding : rounding + steps * 1.001)
          << "token " << t << ", row " << n;
    }
  }
}

class Quantized : public testing::TestWithParam<int> {};

// A value is within half a step of its code. The scale is adjusted so that zero has a code, which
// cuts the far end of a group by at most half a step more for each half of the range: one step in
// all. Scale and bias are then rounded to the weight's type, relative 2^-9 for bfloat16, and act on
// values up to 2 (a code times its scale) and 1; product and sum are rounded once more.
TEST_P(Quantized, RoundTripStaysWithinAStep) {
  for (const Dtype dtype : {Dtype::f32, Dtype::f16, Dtype::bf16}) {
    for (const int group_size : {32, 64, 128}) {
      const array w = astype(wave({kRows, kInputs}), dtype);
      const AffineMatrix q = quantize(w, group_size, GetParam());
      EXPECT_EQ(q.scales.dtype(), dtype);
      EXPECT_EQ(q.codes.shape(), (Shape{kRows, kInputs / 32 * GetParam()}));
      EXPECT_EQ(q.scales.shape(), (Shape{kRows, kInputs / group_size}));
      const array back = dequantize(q);
      EXPECT_EQ(back.dtype(), dtype);
      const std::vector<float> before = w.to_vector<float>();
      const std::vector<float> after = back.to_vector<float>();
      const std::vector<float> scales = q.scales.to_vector<float>();
      const float rounding = dtype == Dtype::bf16  ? 5 * 0x1p-9F
                             : dtype == Dtype::f16 ? 5 * 0x1p-12F
                                                   : 1e-6F;
      for (size_t i = 0; i < before.size(); ++i) {
        const float step = std::abs(scales[i / static_cast<size_t>(group_size)]);
        ASSERT_NEAR(after[i], before[i], step + rounding) << name(dtype) << ", element " << i;
      }
    }
  }
}

TEST_P(Quantized, ProductsMatchTheirComposition) {
  for (const Dtype dtype : {Dtype::f32, Dtype::f16, Dtype::bf16}) {
    const AffineMatrix w = matrix(dtype, GetParam(), 64);
    const PanelArray panels = pack_panels(w);
    EXPECT_EQ(panels.rows, kRows);
    EXPECT_EQ(panels.columns, kInputs);
    for (const int64_t tokens : {1, 2, 5, 33}) {
      const array x = wave({tokens, kInputs}, 1);
      for (const bool exact : {true, false}) {
        const array y = quantized_matmul(x, panels, exact);
        ASSERT_EQ(y.shape(), (Shape{tokens, kRows}));
        ASSERT_EQ(y.dtype(), Dtype::f32);
        SCOPED_TRACE(fmt::format("{} tokens, {}, {}", tokens, name(dtype), exact));
        expect_product(y.to_vector<float>(), x.to_vector<float>(), w, exact);
      }
    }
  }
}

TEST_P(Quantized, EmbeddingReadsTheRowsOfTheMatrix) {
  const AffineMatrix w = matrix(Dtype::bf16, GetParam(), 32);
  const PanelArray panels = pack_panels(w);
  const std::vector<float> values = values_of(w);
  const std::vector<int32_t> ids = {0, 36, 15, 16, 16, 31};
  const auto expect_rows = [&](const array& rows, const std::vector<float>& table) {
    ASSERT_EQ(rows.shape(), (Shape{2, 3, kInputs}));
    const std::vector<float> got = rows.to_vector<float>();
    for (size_t i = 0; i < ids.size(); ++i) {
      const auto row = table.begin() + static_cast<long>(ids[i]) * kInputs;
      EXPECT_TRUE(std::equal(row, row + kInputs, got.begin() + static_cast<long>(i) * kInputs))
          << "id " << ids[i];
    }
  };
  for (const Dtype dtype : {Dtype::i32, Dtype::u8, Dtype::i64}) {
    expect_rows(quantized_embedding(astype(array(ids, {2, 3}), dtype), panels), values);
  }
  expect_rows(quantized_embedding(array(ids, {2, 3}), w), dequantize(w).to_vector<float>());
}

INSTANTIATE_TEST_SUITE_P(Bits, Quantized, testing::Values(2, 3, 4, 5, 6, 8));

TEST(QuantizedMatmul, ReadsViewsOfActivations) {
  const AffineMatrix w = matrix(Dtype::bf16, 4, 64);
  const PanelArray panels = pack_panels(w);
  const array wide = wave({2, 5, 2 * kInputs}, 2);
  const array columns = transpose(wave({kInputs, 5}, 3));
  const array views[] = {slice(wide, 2, kInputs, 2 * kInputs),
                         slice(wide, 2, 0, 2 * kInputs, 2),
                         columns,
                         slice(slice(wide, 1, 1, 5, 3), 2, 7, 7 + kInputs),
                         broadcast_to(wave({1, kInputs}), {3, kInputs}),
                         wave({kInputs})};
  for (const array& x : views) {
    Shape shape = x.shape();
    shape.back() = kRows;
    for (const bool exact : {true, false}) {
      const array y = quantized_matmul(x, panels, exact);
      EXPECT_EQ(y.shape(), shape);
      // The same bits as for a copy in row-major order.
      const array copy(x.to_vector<float>(), x.shape());
      EXPECT_EQ(y.to_vector<float>(), quantized_matmul(copy, panels, exact).to_vector<float>());
      expect_product(y.to_vector<float>(), x.to_vector<float>(), w, exact);
    }
  }
}

TEST(QuantizedMatmul, ResultHasTheActivationsType) {
  const PanelArray panels = pack_panels(matrix(Dtype::f16, 4, 64));
  const array x = wave({3, kInputs});
  for (const Dtype dtype : {Dtype::f16, Dtype::bf16}) {
    const array narrow = astype(x, dtype);
    const array y = quantized_matmul(narrow, panels);
    EXPECT_EQ(y.dtype(), dtype);
    EXPECT_EQ(
        y.to_vector<float>(),
        astype(quantized_matmul(astype(narrow, Dtype::f32), panels), dtype).to_vector<float>());
  }
}

TEST(QuantizedMatmul, BitsDoNotDependOnThreadsOrNeighbours) {
  const int before = Team::instance().size();
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 3, 5}) {
    Team::set_size(threads);
    const AffineMatrix w = matrix(Dtype::bf16, 5, 32, 300);
    const PanelArray panels = pack_panels(w);
    const array x = wave({33, kInputs}, 1);
    std::vector<float> all = values_of(w);
    for (const bool exact : {true, false}) {
      const std::vector<float> whole = quantized_matmul(x, panels, exact).to_vector<float>();
      for (const int64_t token : {0, 17, 32}) {
        const array alone = quantized_matmul(slice(x, 0, token, token + 1), panels, exact);
        const auto row = whole.begin() + static_cast<long>(token) * 300;
        EXPECT_TRUE(std::equal(row, row + 300, alone.to_vector<float>().begin()))
            << "token " << token << ", " << threads << " threads";
      }
      all.insert(all.end(), whole.begin(), whole.end());
    }
    results.push_back(std::move(all));
  }
  Team::set_size(before);
  for (const std::vector<float>& result : results) EXPECT_EQ(result, results[0]);
}

TEST(QuantizedMatmul, NoTokensGiveNothing) {
  const PanelArray panels = pack_panels(matrix(Dtype::bf16, 4, 64));
  const array y = quantized_matmul(zeros({0, kInputs}), panels);
  EXPECT_EQ(y.shape(), (Shape{0, kRows}));
  EXPECT_TRUE(y.to_vector<float>().empty());
}

TEST(QuantizedMatmul, MlxFormMultipliesWithEitherSide) {
  const AffineMatrix w = matrix(Dtype::f32, 4, 64);
  for (const int64_t tokens : {1, 5}) {
    const array x = wave({2, tokens, kInputs}, 1);
    const array y = quantized_matmul(x, w.codes, w.scales, w.biases, true, 64, 4);
    EXPECT_EQ(y.shape(), (Shape{2, tokens, kRows}));
    expect_product(y.to_vector<float>(), x.to_vector<float>(), w, true);
  }
  const array x = wave({3, kRows}, 2);
  const array y = quantized_matmul(x, w.codes, w.scales, w.biases, false, 64, 4);
  EXPECT_EQ(y.to_vector<float>(), matmul(x, dequantize(w)).to_vector<float>());
}

// As in MLX: float32 activations take the scales along, half types of one kind stay.
TEST(QuantizedMatmul, MlxFormPromotes) {
  const AffineMatrix w = matrix(Dtype::bf16, 8, 32);
  const auto dtype_for = [&](Dtype x) {
    return quantized_matmul(zeros({1, kInputs}, x), w.codes, w.scales, w.biases, true, 32, 8)
        .dtype();
  };
  EXPECT_EQ(dtype_for(Dtype::bf16), Dtype::bf16);
  EXPECT_EQ(dtype_for(Dtype::f32), Dtype::f32);
  EXPECT_EQ(dtype_for(Dtype::f16), Dtype::f32);
}

TEST(Quantize, TakesViews) {
  const array w = transpose(wave({kInputs, 2 * kRows}));
  const array odd_rows = slice(w, 0, 1, 2 * kRows, 2);
  const AffineMatrix of_view = quantize(odd_rows, 64, 4);
  const AffineMatrix of_copy =
      quantize(array(odd_rows.to_vector<float>(), odd_rows.shape()), 64, 4);
  EXPECT_EQ(of_view.codes.to_vector<uint32_t>(), of_copy.codes.to_vector<uint32_t>());
  EXPECT_EQ(of_view.scales.to_vector<float>(), of_copy.scales.to_vector<float>());
  EXPECT_EQ(of_view.biases.to_vector<float>(), of_copy.biases.to_vector<float>());
}

// Zero keeps a code of its own and the end of a group that is larger in magnitude is exact.
TEST(Quantize, KeepsZeroAndTheLargerEdge) {
  for (const int bits : {2, 3, 4, 5, 6, 8}) {
    std::vector<float> values(64);
    std::iota(values.begin(), values.end(), -20.0F);  // -20 .. 43
    const std::vector<float> back =
        dequantize(quantize(array(values, {1, 64}), 64, bits)).to_vector<float>();
    EXPECT_EQ(back[20], 0.0F) << bits << " bits";
    EXPECT_EQ(back[63], 43.0F) << bits << " bits";
  }
}

TEST(PackPanels, CountsAsACopyOfWeights) {
  const AffineMatrix w = matrix(Dtype::bf16, 4, 64);
  const size_t before = memory::stats().copied;
  const PanelArray panels = pack_panels(w);
  EXPECT_EQ(memory::stats().copied - before, panels.panels.nbytes());
}

TEST(QuantizedErrors, NameTheOperationAndTheRemedy) {
  const array w = wave({4, 96});
  EXPECT_THAT(error_of([&] { quantize(w, 64, 4); }),
              HasSubstr("rows of 96 inputs do not divide into groups of 64; choose a group size"));
  EXPECT_THAT(error_of([&] { quantize(w, 48, 4); }), HasSubstr("use 32, 64 or 128"));
  EXPECT_THAT(error_of([&] { quantize(w, 32, 7); }), HasSubstr("use 2, 3, 4, 5, 6 or 8"));
  EXPECT_THAT(error_of([&] { quantize(wave({96}), 32, 4); }),
              HasSubstr("[quantize] w must have 2 dimensions, got shape (96)"));
  EXPECT_THAT(error_of([&] { quantize(astype(w, Dtype::i32), 32, 4); }),
              HasSubstr("[quantize] w must be float32, float16 or bfloat16, got int32"));

  const AffineMatrix q = quantize(w, 32, 4);
  const auto broken = [&](const array& codes, const array& scales, const array& biases, int bits,
                          int group) {
    return error_of([&] { dequantize({codes, scales, biases, bits, group}); });
  };
  EXPECT_THAT(broken(q.codes, q.scales, q.biases, 0, 32), HasSubstr("0 bits are not supported"));
  EXPECT_THAT(broken(q.codes, q.scales, q.biases, 4, 0), HasSubstr("use 32, 64 or 128"));
  EXPECT_THAT(broken(astype(q.codes, Dtype::i32), q.scales, q.biases, 4, 32),
              HasSubstr("codes must be uint32, got int32"));
  EXPECT_THAT(broken(q.codes, q.scales, q.biases, 5, 32), HasSubstr("do not hold whole 5-bit"));
  EXPECT_THAT(broken(q.codes, slice(q.scales, 1, 0, 2), q.biases, 4, 32),
              HasSubstr("must have shape (4, 3), got (4, 2)"));
  EXPECT_THAT(broken(q.codes, astype(q.scales, Dtype::bf16), q.biases, 4, 32),
              HasSubstr("scales are bfloat16 and biases float32"));

  const PanelArray panels = pack_panels(q);
  eval({panels.panels});
  EXPECT_THAT(error_of([&] {
                quantized_matmul(wave({2, 64}), panels);
              }),
              HasSubstr("[quantized_matmul] x (2, 64) and weight (4, 96) do not fit: the last axis "
                        "of x must be 96"));
  EXPECT_THAT(error_of([&] {
                quantized_matmul(zeros({2, 96}, Dtype::i32), panels);
              }),
              HasSubstr("[quantized_matmul] x must be float32, float16 or bfloat16, got int32"));
  EXPECT_THAT(error_of([&] {
                quantized_matmul(wave({2, 96}), q.codes, q.scales, q.biases, false, 32, 4);
              }),
              HasSubstr("the last axis of x must be 4"));
  EXPECT_THAT(error_of([&] { quantized_embedding(wave({2}), panels); }),
              HasSubstr("[quantized_embedding] ids must be integers, got float32"));
  EXPECT_THAT(error_of([&] {
                eval({quantized_embedding(array({0, 4}, {2}), panels)});
              }),
              HasSubstr("[quantized_embedding] id 4 is outside [0, 4)"));
  EXPECT_THAT(error_of([&] { eval({quantized_embedding(array({-1}, {1}), panels)}); }),
              HasSubstr("id -1 is outside"));
  EXPECT_THAT(error_of([&] { eval({quantized_embedding(array({4}, {1}), q)}); }), HasSubstr("4"));
}

}  // namespace
}  // namespace tarn
