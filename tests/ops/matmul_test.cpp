#include "tarn/ops/matmul.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tarn/ops/creation.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/shape.h"
#include "tests/support/errors.h"

namespace tarn {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::FloatNear;
using testing::Pointwise;

// Values in [-1, 1] that differ everywhere.
array wave(const Shape& shape, float phase = 0) {
  return reshape(sin(arange(0, static_cast<double>(element_count(shape))) * 1.7F + phase), shape);
}

// Plain sums in double over row-major copies: [M, K] times [K, N].
std::vector<float> reference(const array& a, const array& b) {
  const auto m = static_cast<size_t>(a.shape(0));
  const auto k = static_cast<size_t>(a.shape(1));
  const auto n = static_cast<size_t>(b.shape(1));
  const std::vector<double> x = a.to_vector<double>();
  const std::vector<double> y = b.to_vector<double>();
  std::vector<float> out(m * n);
  for (size_t i = 0; i < m; ++i) {
    for (size_t j = 0; j < n; ++j) {
      double sum = 0;
      for (size_t c = 0; c < k; ++c) sum += x[i * k + c] * y[c * n + j];
      out[i * n + j] = static_cast<float>(sum);
    }
  }
  return out;
}

// float32 sums of k terms up to 1: k additions, each rounded at 2^-24 of a partial sum below
// sqrt(k) or so.
float tolerance(int64_t k) { return 1e-6F * (1 + std::sqrt(static_cast<float>(k))); }

TEST(Matmul, AwkwardShapesAndEveryLayout) {
  for (const auto [m, k, n] : {std::array<int64_t, 3>{1, 1, 1},
                               {1, 7, 3},
                               {5, 33, 17},
                               {3, 129, 70},
                               {64, 64, 64},
                               {2, 300, 131},
                               {37, 5, 1}}) {
    const array a = wave({m, k});
    const array b = wave({k, n}, 1);
    const std::vector<float> expected = reference(a, b);
    const auto near = Pointwise(FloatNear(tolerance(k)), expected);
    const array at = contiguous(transpose(a));
    const array bt = contiguous(transpose(b));
    EXPECT_THAT(matmul(a, b).to_vector<float>(), near) << m << " " << k << " " << n;
    EXPECT_THAT(matmul(a, transpose(bt)).to_vector<float>(), near) << m << " " << k << " " << n;
    EXPECT_THAT(matmul(transpose(at), b).to_vector<float>(), near) << m << " " << k << " " << n;
    EXPECT_THAT(matmul(transpose(at), transpose(bt)).to_vector<float>(), near);
    EXPECT_THAT(matmul(astype(a, Dtype::f64), b).to_vector<float>(), near);
    EXPECT_THAT(linear(a, bt).to_vector<float>(), near);
    EXPECT_THAT(linear(a, transpose(b)).to_vector<float>(), near);
    // Every second element of wider matrices: no stride is 1.
    const array wide_a = reshape(stack({a, a}, 2), {m, 2 * k});
    const array wide_b = reshape(stack({b, b}, 2), {k, 2 * n});
    EXPECT_THAT(
        matmul(slice(wide_a, 1, 0, 2 * k, 2), slice(wide_b, 1, 0, 2 * n, 2)).to_vector<float>(),
        near);
  }
}

TEST(Matmul, HalvesAreReadInPlaceAndAddedInFloat) {
  for (const Dtype left : {Dtype::f32, Dtype::f16, Dtype::bf16}) {
    for (const Dtype right : {Dtype::f32, Dtype::f16, Dtype::bf16}) {
      const array a = astype(wave({3, 100}), left);
      const array b = astype(wave({100, 21}, 2), right);
      const array c = matmul(a, b);
      ASSERT_EQ(c.dtype(), promote(left, right));
      // The result's rounding: half an ulp of values below 8.
      const float near = c.dtype() == Dtype::f32   ? tolerance(100)
                         : c.dtype() == Dtype::f16 ? 0x1p-9F
                                                   : 0x1p-6F;
      EXPECT_THAT(c.to_vector<float>(), Pointwise(FloatNear(near), reference(a, b)));
      const array weight = contiguous(transpose(b));
      const array y = linear(a, weight);
      ASSERT_EQ(y.dtype(), left);
      const float y_near = left == Dtype::f32   ? tolerance(100)
                           : left == Dtype::f16 ? 0x1p-9F
                                                : 0x1p-6F;
      EXPECT_THAT(y.to_vector<float>(), Pointwise(FloatNear(y_near), reference(a, b)));
    }
  }
  const array ones_row = contiguous(ones({1, 4096}, Dtype::f16));
  EXPECT_EQ(matmul(ones_row, transpose(ones_row)).item<float>(), 4096);
}

TEST(Matmul, BatchesBroadcast) {
  const array a = wave({2, 1, 3, 4});
  const array b = wave({5, 4, 6}, 1);
  const array c = matmul(a, b);
  ASSERT_EQ(c.shape(), (Shape{2, 5, 3, 6}));
  for (int64_t i = 0; i < 2; ++i) {
    for (int64_t j = 0; j < 5; ++j) {
      const array left = reshape(slice(a, 0, i, i + 1), {3, 4});
      const array right = reshape(slice(b, 0, j, j + 1), {4, 6});
      const array block = slice(reshape(c, {10, 3, 6}), 0, i * 5 + j, i * 5 + j + 1);
      EXPECT_THAT(block.to_vector<float>(),
                  Pointwise(FloatNear(tolerance(4)), reference(left, right)));
    }
  }
  const array heads = swapaxes(wave({2, 3, 4, 8}), 1, 2);  // [B, H, T, D] as attention makes it
  const array scores = matmul(heads, swapaxes(heads, -1, -2));
  EXPECT_EQ(scores.shape(), (Shape{2, 4, 3, 3}));
  const array first = reshape(slice(slice(heads, 0, 1, 2), 1, 2, 3), {3, 8});
  EXPECT_THAT(slice(slice(scores, 0, 1, 2), 1, 2, 3).to_vector<float>(),
              Pointwise(FloatNear(tolerance(8)), reference(first, transpose(first))));
  EXPECT_EQ(matmul(wave({2, 3, 4}), wave({4, 5})).shape(), (Shape{2, 3, 5}));
}

TEST(Matmul, VectorsLoseTheirExtentOfOne) {
  const array v({1.0F, 2.0F}, {2});
  const array m({1.0F, 2.0F, 3.0F, 4.0F}, {2, 2});
  EXPECT_EQ(matmul(v, v).ndim(), 0);
  EXPECT_EQ(matmul(v, v).item<float>(), 5);
  EXPECT_THAT(matmul(m, v).to_vector<float>(), ElementsAre(5, 11));
  EXPECT_THAT(matmul(v, m).to_vector<float>(), ElementsAre(7, 10));
  EXPECT_EQ(matmul(wave({3, 4, 2}), v).shape(), (Shape{3, 4}));
  EXPECT_EQ(matmul(v, wave({3, 2, 4})).shape(), (Shape{3, 4}));
}

TEST(Matmul, IntegersWrapAndEmptySumsAreZero) {
  const array a = reshape(arange(6), {2, 3});
  EXPECT_THAT(matmul(a, transpose(a)).to_vector<int>(), ElementsAre(5, 14, 14, 50));
  const array bytes = full({1, 3}, array(100), Dtype::i8);
  EXPECT_EQ(matmul(bytes, transpose(bytes)).item<int>(), static_cast<int8_t>(30000));
  EXPECT_THAT(matmul(zeros({2, 0}), zeros({0, 2})).to_vector<float>(), Each(0));
  EXPECT_THAT(linear(zeros({2, 0}), zeros({3, 0}), ones({3})).to_vector<float>(), Each(1));
  EXPECT_EQ(matmul(zeros({0, 4}), zeros({4, 2})).size(), 0);
  EXPECT_EQ(linear(zeros({2, 0, 4}), zeros({5, 4})).shape(), (Shape{2, 0, 5}));
  EXPECT_EQ(linear(zeros({2, 0, 4}), zeros({5, 4})).to_vector<float>().size(), 0U);
}

TEST(Linear, RowsDoNotDependOnTheirNeighbours) {
  const array x = wave({2, 65, 192});
  const array weight = astype(wave({200, 192}, 3), Dtype::bf16);
  const array bias = wave({200}, 4);
  const std::vector<float> all = linear(x, weight, bias).to_vector<float>();
  for (const int64_t row : {0, 1, 64, 100, 129}) {
    const array one = slice(reshape(x, {130, 192}), 0, row, row + 1);
    const std::vector<float> alone = linear(one, weight, bias).to_vector<float>();
    for (size_t n = 0; n < 200; ++n) ASSERT_EQ(alone[n], all[static_cast<size_t>(row) * 200 + n]);
  }
}

// Rounded or not, whatever the number of rows and whichever weights share the step.
TEST(Linear, SeveralWeightsHaveTheBitsOfEachAlone) {
  for (const bool exact : {true, false}) {
    for (const int64_t rows : {1, 5, 40}) {
      const array x = wave({rows, 200});
      const std::vector<array> weights = {
          astype(wave({70, 200}, 1), Dtype::bf16), wave({3, 200}, 2),
          slice(astype(wave({90, 300}, 3), Dtype::bf16), 1, 50, 250),
          astype(wave({130, 200}, 4), Dtype::f16)};
      const std::vector<array> together = linear_together(x, weights, exact);
      ASSERT_EQ(together.size(), weights.size());
      for (size_t i = 0; i < weights.size(); ++i) {
        const std::vector<float> alone =
            linear(x, weights[i], std::nullopt, exact).to_vector<float>();
        EXPECT_EQ(together[i].to_vector<float>(), alone) << exact << " " << rows << " " << i;
        // Rounding moves x by up to 2^-9 of itself: errors of random sign in 200 terms up to 1.
        const float near = exact ? tolerance(200) : 0x1p-9F * 30;
        EXPECT_THAT(alone, Pointwise(FloatNear(near), reference(x, transpose(weights[i]))));
      }
      const std::vector<float> last =
          linear(slice(x, 0, rows - 1, rows), weights[0], std::nullopt, exact).to_vector<float>();
      const std::vector<float> all = together[0].to_vector<float>();
      EXPECT_TRUE(std::equal(last.begin(), last.end(), all.end() - 70)) << exact << " " << rows;
    }
  }
}

TEST(Linear, BiasAndOutputType) {
  const array x = astype(array({1.0F, 2.0F}, {2}), Dtype::bf16);
  const array y = linear(x, array({1.0F, 0.0F, 3.0F, 4.0F}, {2, 2}), array({0.5F, -1.0F}, {2}));
  EXPECT_EQ(y.dtype(), Dtype::bf16);
  EXPECT_THAT(y.to_vector<float>(), ElementsAre(1.5F, 10));
  EXPECT_THAT(linear(astype(x, Dtype::f64), array({1.0F, 1.0F}, {1, 2})).to_vector<double>(),
              ElementsAre(3));
}

TEST(Matmul, AddmmScalesBoth) {
  const array a({1.0F, 2.0F, 3.0F, 4.0F}, {2, 2});
  EXPECT_THAT(addmm(array({10.0F, 20.0F}, {2}), a, a, 2, 0.5F).to_vector<float>(),
              ElementsAre(19, 30, 35, 54));
}

TEST(Matmul, ComplainsAboutShapesAndTypes) {
  EXPECT_EQ(error_of([] {
              matmul(zeros({2, 3}), zeros({2, 3}));
            }),
            "[matmul] shapes (2, 3) and (2, 3): the last extent 3 of the first is not the 2 rows "
            "of the second; transpose one of them");
  EXPECT_EQ(error_of([] {
              matmul(array(1.0F), zeros({2, 3}));
            }),
            "[matmul] shapes () and (2, 3): a scalar is no matrix; use multiply");
  EXPECT_EQ(error_of([] {
              linear(zeros({2, 3}), zeros({3, 2}));
            }),
            "[linear] x (2, 3) and weight (3, 2): the weight must be [N, K] with K the last extent "
            "of x");
  EXPECT_EQ(error_of([] {
              linear(zeros({3}), zeros({2, 3}), zeros({3}));
            }),
            "[linear] bias (3) must be [2], one for each row of weight");
  EXPECT_EQ(error_of([] { linear_together(zeros({3}), {}); }), "[linear] no weights given");
  EXPECT_EQ(error_of([] {
              linear(zeros({3}, Dtype::i32), zeros({2, 3}));
            }),
            "[linear] x is int32 and weight float32: both must be floating");
}

}  // namespace
}  // namespace tarn
