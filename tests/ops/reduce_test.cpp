#include "tarn/ops/reduce.h"

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
using testing::IsNan;
using Axes = std::vector<int>;

constexpr float inf = INFINITY;

array cube() { return reshape(arange(24), {2, 3, 4}); }

TEST(Reduce, SumsOverAnyAxes) {
  const array a = cube();
  EXPECT_EQ(sum(a).item<int>(), 276);
  EXPECT_EQ(sum(a).ndim(), 0);
  EXPECT_THAT(sum(a, 0).to_vector<int>(),
              ElementsAre(12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34));
  EXPECT_THAT(sum(a, 1).to_vector<int>(), ElementsAre(12, 15, 18, 21, 48, 51, 54, 57));
  EXPECT_THAT(sum(a, -1).to_vector<int>(), ElementsAre(6, 22, 38, 54, 70, 86));
  EXPECT_THAT(sum(a, Axes{0, 2}).to_vector<int>(), ElementsAre(60, 92, 124));
  EXPECT_THAT(sum(a, Axes{-1, 1}).to_vector<int>(), ElementsAre(66, 210));
  EXPECT_EQ(sum(a, Axes{0, 2}, true).shape(), (Shape{1, 3, 1}));
  EXPECT_EQ(sum(a, Axes{}).shape(), a.shape());
  EXPECT_THAT(sum(transpose(a), 0).to_vector<int>(), ElementsAre(6, 54, 22, 70, 38, 86));
}

TEST(Reduce, ResultTypesFollowMlx) {
  const auto sum_of = [](Dtype d) { return sum(ones({2}, d)).dtype(); };
  EXPECT_EQ(sum_of(Dtype::bool_), Dtype::i32);
  EXPECT_EQ(sum_of(Dtype::i8), Dtype::i32);
  EXPECT_EQ(sum_of(Dtype::u16), Dtype::u32);
  EXPECT_EQ(sum_of(Dtype::i64), Dtype::i64);
  EXPECT_EQ(sum_of(Dtype::bf16), Dtype::bf16);
  EXPECT_EQ(mean(ones({2}, Dtype::i8)).dtype(), Dtype::f32);
  EXPECT_EQ(var(ones({2}, Dtype::f16)).dtype(), Dtype::f16);
  EXPECT_EQ(max(ones({2}, Dtype::u8)).dtype(), Dtype::u8);
  EXPECT_EQ(argmax(ones({2}, Dtype::u8)).dtype(), Dtype::u32);
  EXPECT_EQ(all(ones({2}, Dtype::f32)).dtype(), Dtype::bool_);
}

TEST(Reduce, EveryTypeSumsMultipliesAndChooses) {
  for (int d = 0; d <= static_cast<int>(Dtype::f64); ++d) {
    const auto dtype = static_cast<Dtype>(d);
    const array a = astype(array({1, 0, 1, 1}, {4}), dtype);
    EXPECT_EQ(sum(a).item<double>(), 3) << name(dtype);
    EXPECT_EQ(prod(a).item<double>(), 0) << name(dtype);
    EXPECT_EQ(prod(slice(a, 0, 2, 4)).item<double>(), 1) << name(dtype);
    EXPECT_EQ(max(a).item<double>(), 1) << name(dtype);
    EXPECT_EQ(min(a).item<double>(), 0) << name(dtype);
    EXPECT_EQ(argmin(a).item<int>(), 1) << name(dtype);
    EXPECT_EQ(argmax(a).item<int>(), 0) << name(dtype);
    EXPECT_EQ(mean(a).item<double>(), 0.75) << name(dtype);
  }
  EXPECT_EQ(sum(array({int8_t{-100}, int8_t{-100}}, {2})).item<int>(), -200);
  EXPECT_EQ(sum(array({INT32_MAX, 1}, {2})).item<int>(), INT32_MIN);
  EXPECT_EQ(prod(array({uint64_t{1} << 40, uint64_t{1} << 30}, {2})).item<uint64_t>(), 0U);
}

TEST(Reduce, EmptyArrays) {
  const array none = zeros({0});
  EXPECT_EQ(sum(none).item<float>(), 0);
  EXPECT_EQ(prod(none).item<float>(), 1);
  EXPECT_THAT(mean(none).item<float>(), IsNan());
  EXPECT_EQ(all(none).item<bool>(), true);
  EXPECT_EQ(any(none).item<bool>(), false);
  EXPECT_EQ(logsumexp(none).item<float>(), -inf);
  EXPECT_THAT(sum(zeros({2, 0}), 1).to_vector<float>(), ElementsAre(0, 0));
  EXPECT_THAT(sum(zeros({0, 2}), 0).to_vector<float>(), ElementsAre(0, 0));
  EXPECT_EQ(max(zeros({0, 2}), 1).size(), 0);
  EXPECT_EQ(error_of([&] { max(none); }),
            "[max] axis 0 of shape (0) is empty: nothing to choose from");
  EXPECT_EQ(error_of([&] { argmin(none); }),
            "[argmin] axis 0 of shape (0) is empty: nothing to choose from");
}

TEST(Reduce, NanWinsAndTheFirstOfEqualsIsNamed) {
  const array a({1.0F, NAN, 3.0F, 3.0F, -inf, NAN}, {2, 3});
  EXPECT_THAT(max(a).item<float>(), IsNan());
  EXPECT_THAT(min(a, 0).to_vector<float>(), ElementsAre(1, IsNan(), IsNan()));
  EXPECT_THAT(argmax(a, 1).to_vector<int>(), ElementsAre(1, 2));
  EXPECT_EQ(argmax(array({2, 7, 7}, {3})).item<int>(), 1);
  EXPECT_EQ(argmin(array({2, 7, 2}, {3})).item<int>(), 0);
  EXPECT_EQ(argmax(array({-inf, -inf}, {2})).item<int>(), 0);
  EXPECT_EQ(max(array({-inf, -inf}, {2})).item<float>(), -inf);
  EXPECT_THAT(argmax(cube(), 1).to_vector<int>(), Each(2));
  EXPECT_EQ(argmax(cube(), 1, true).shape(), (Shape{2, 1, 4}));
}

TEST(Reduce, LongRowsAreCutTheSameForEveryTeam) {
  const int n = 100003;
  std::vector<float> values(static_cast<size_t>(n));
  double exact = 0;
  for (int i = 0; i < n; ++i) {
    values[static_cast<size_t>(i)] = std::sin(static_cast<float>(i));
    exact += static_cast<double>(values[static_cast<size_t>(i)]);
  }
  values[70001] = 5;
  values[90001] = 5;
  const array a(values, {n});
  exact += 5 - std::sin(70001.0F) + 5 - std::sin(90001.0F);
  EXPECT_NEAR(sum(a).item<float>(), exact, 1e-3);  // 1e5 terms of about 1, rounded at 2^-24
  EXPECT_EQ(argmax(a).item<int>(), 70001);
  EXPECT_EQ(max(a).item<float>(), 5);
  // A row of its own has the same order of additions as a row among others.
  const array twice = stack({a, a}, 0);
  EXPECT_THAT(sum(twice, 1).to_vector<float>(), Each(sum(a).item<float>()));
  const array columns = contiguous(transpose(stack({a, a, a}, 0)));
  EXPECT_THAT(max(columns, 0).to_vector<float>(), ElementsAre(5, 5, 5));
  EXPECT_NEAR(sum(columns, 0).to_vector<float>()[2], exact, 1e-2);
}

TEST(Reduce, HalvesAccumulateInFloat) {
  // 4096 ones in f16 would stall at 2048.
  EXPECT_EQ(sum(ones({4096}, Dtype::f16)).item<float>(), 4096);
  EXPECT_EQ(sum(contiguous(ones({4096, 2}, Dtype::bf16)), 0).to_vector<float>()[1], 4096);
  EXPECT_EQ(mean(full({300}, array(300.0F), Dtype::f16)).item<float>(), 300);  // the sum overflows
}

TEST(Reduce, VarianceAndDeviation) {
  const array a({1.0F, 2.0F, 3.0F, 6.0F}, {2, 2});
  EXPECT_EQ(var(a).item<float>(), 3.5F);
  EXPECT_THAT(var(a, 1).to_vector<float>(), ElementsAre(0.25F, 2.25F));
  EXPECT_THAT(var(a, Axes{1}, true, 1).to_vector<float>(), ElementsAre(0.5F, 4.5F));
  EXPECT_EQ(var(a, Axes{1}, false, 2).to_vector<float>()[0], inf);
  EXPECT_EQ(std(array({2, 4}, {2})).item<float>(), 1);
  EXPECT_EQ(var(full({100}, array(1000.0F), Dtype::f16)).item<float>(), 0);
}

TEST(Reduce, LogsumexpOfInfinitiesAndLargeValues) {
  EXPECT_FLOAT_EQ(logsumexp(array({1000.0F, 1000.0F}, {2})).item<float>(), 1000 + std::log(2.0F));
  EXPECT_EQ(logsumexp(array({-inf, -inf}, {2})).item<float>(), -inf);
  EXPECT_EQ(logsumexp(array({inf, 0.0F}, {2})).item<float>(), inf);
  EXPECT_THAT(logsumexp(array({NAN, 0.0F}, {2})).item<float>(), IsNan());
  EXPECT_EQ(logsumexp(zeros({2, 3}), 1, true).shape(), (Shape{2, 1}));
  EXPECT_EQ(logsumexp(zeros({2, 3}), 1).shape(), (Shape{2}));
}

TEST(Reduce, AllAndAnyTakeNonzeroAsTrue) {
  const array a({0.5F, NAN, 0.0F, 0.0F, 1.0F, 2.0F}, {3, 2});
  EXPECT_THAT(all(a, 1).to_vector<int>(), ElementsAre(1, 0, 1));
  EXPECT_THAT(any(a, 1).to_vector<int>(), ElementsAre(1, 0, 1));
  EXPECT_FALSE(all(a).item<bool>());
  EXPECT_TRUE(any(a).item<bool>());
}

TEST(Reduce, ComplainsAboutAxes) {
  EXPECT_EQ(error_of([] { sum(zeros({2}), 1); }),
            "[sum] axis 1 is out of range for an array of 1 dimensions");
  EXPECT_EQ(error_of([] { max(zeros({2, 2}), Axes{0, -2}); }), "[max] axis 0 is named twice");
}

}  // namespace
}  // namespace tarn
