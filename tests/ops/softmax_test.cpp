#include "tarn/ops/softmax.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tarn/ops/creation.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/reduce.h"
#include "tarn/ops/shape.h"
#include "tests/support/errors.h"

namespace tarn {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::FloatNear;
using testing::IsNan;
using testing::Pointwise;

constexpr float inf = INFINITY;

// The definition, in double.
std::vector<float> reference(const std::vector<float>& x, size_t n) {
  std::vector<float> out(x.size());
  for (size_t row = 0; row < x.size(); row += n) {
    double high = -INFINITY;
    double total = 0;
    for (size_t i = 0; i < n; ++i) high = std::max(high, static_cast<double>(x[row + i]));
    for (size_t i = 0; i < n; ++i) total += std::exp(static_cast<double>(x[row + i]) - high);
    for (size_t i = 0; i < n; ++i) {
      out[row + i] = static_cast<float>(std::exp(static_cast<double>(x[row + i]) - high) / total);
    }
  }
  return out;
}

TEST(Softmax, MatchesTheDefinitionOnOddShapes) {
  for (const int64_t n : {1, 3, 16, 17, 257, 1000}) {
    const array a = sin(arange(0, static_cast<double>(n * 5))) * 8.0F;
    const array rows = reshape(a, {5, n});
    const std::vector<float> expected = reference(a.to_vector<float>(), static_cast<size_t>(n));
    // exp is within a few ulp and so is the sum: 1e-6 of values up to 1.
    EXPECT_THAT(softmax(rows).to_vector<float>(), Pointwise(FloatNear(1e-6F), expected));
    EXPECT_THAT(softmax(contiguous(transpose(rows)), 0).to_vector<float>(),
                Pointwise(FloatNear(1e-6F), transpose(array(expected, {5, n})).to_vector<float>()));
    EXPECT_THAT(softmax(astype(rows, Dtype::f64)).to_vector<float>(),
                Pointwise(FloatNear(1e-7F), expected));
    // One rounding to 8 bits of the result, and one of the input of up to 8: 2^-4 in the exponent.
    const array halves = astype(rows, Dtype::bf16);
    EXPECT_THAT(softmax(halves).to_vector<float>(),
                Pointwise(FloatNear(0x1p-8F),
                          reference(halves.to_vector<float>(), static_cast<size_t>(n))));
  }
}

TEST(Softmax, ManyRowsAreShared) {
  const array a = reshape(arange(0, 64 * 1024), {64, 1024});
  const std::vector<float> values = softmax(a * 0.5F).to_vector<float>();
  for (size_t row = 1; row < 64; ++row) {
    ASSERT_EQ(values[row * 1024 + 1020], values[1020]);
  }
  EXPECT_FLOAT_EQ(values[1023], 1 - std::exp(-0.5F));
}

TEST(Softmax, InfinitiesAndEmptyArrays) {
  EXPECT_THAT(softmax(array({-inf, 0.0F, -inf}, {3})).to_vector<float>(), ElementsAre(0, 1, 0));
  EXPECT_THAT(softmax(array({-inf, -inf}, {2})).to_vector<float>(), Each(IsNan()));
  EXPECT_THAT(softmax(array({NAN, 0.0F}, {2})).to_vector<float>(), Each(IsNan()));
  EXPECT_EQ(softmax(zeros({2, 0})).size(), 0);
  EXPECT_EQ(softmax(zeros({0, 2})).to_vector<float>().size(), 0U);
  EXPECT_THAT(softmax(array({1000.0F, 1000.0F}, {2})).to_vector<float>(), ElementsAre(0.5F, 0.5F));
}

TEST(Softmax, SeveralAxesAreOne) {
  const array a = sin(reshape(arange(0, 24), {2, 3, 4}));
  const array expected = exp(a) / sum(exp(a), std::vector<int>{0, 2}, true);
  EXPECT_THAT(softmax(a, std::vector<int>{2, 0}).to_vector<float>(),
              Pointwise(FloatNear(1e-6F), expected.to_vector<float>()));
  EXPECT_EQ(softmax(ones({2}, Dtype::i32)).dtype(), Dtype::f32);
  EXPECT_EQ(error_of([&] { softmax(a, 3); }),
            "[softmax] axis 3 is out of range for an array of 3 dimensions");
}

TEST(Softmax, LogSoftmaxIsItsLogarithm) {
  const array a({1.0F, 2.0F, 200.0F, 2.0F}, {2, 2});
  EXPECT_THAT(log_softmax(a).to_vector<float>(),
              Pointwise(FloatNear(1e-6F), std::vector<float>{-1.3132616F, -0.31326166F, 0, -198}));
  EXPECT_THAT(log_softmax(a, 0).to_vector<float>(), ElementsAre(-199, -0.6931472F, 0, -0.6931472F));
}

}  // namespace
}  // namespace tarn
