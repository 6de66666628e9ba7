#include "tarn/ops/scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tarn/ops/creation.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/shape.h"
#include "tests/support/errors.h"

namespace tarn {
namespace {

using testing::ElementsAre;
using testing::IsNan;

TEST(Scan, SumsBothWaysWithAndWithoutItself) {
  const array a({1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_THAT(cumsum(a, 1).to_vector<int>(), ElementsAre(1, 3, 6, 4, 9, 15));
  EXPECT_THAT(cumsum(a, 0).to_vector<int>(), ElementsAre(1, 2, 3, 5, 7, 9));
  EXPECT_THAT(cumsum(a, -1, true).to_vector<int>(), ElementsAre(6, 5, 3, 15, 11, 6));
  EXPECT_THAT(cumsum(a, 1, false, false).to_vector<int>(), ElementsAre(0, 1, 3, 0, 4, 9));
  EXPECT_THAT(cumsum(a, 1, true, false).to_vector<int>(), ElementsAre(5, 3, 0, 11, 6, 0));
  EXPECT_THAT(cumprod(a, 1).to_vector<int>(), ElementsAre(1, 2, 6, 4, 20, 120));
  EXPECT_THAT(cumprod(a, 1, false, false).to_vector<int>(), ElementsAre(1, 1, 2, 1, 4, 20));
  EXPECT_THAT(cumsum(transpose(a), 0).to_vector<int>(), ElementsAre(1, 4, 3, 9, 6, 15));
}

TEST(Scan, ExtremesKeepNan) {
  const array a({1.0F, 3.0F, 2.0F, NAN, 5.0F}, {5});
  EXPECT_THAT(cummax(a, 0).to_vector<float>(), ElementsAre(1, 3, 3, IsNan(), IsNan()));
  EXPECT_THAT(cummin(a, 0).to_vector<float>(), ElementsAre(1, 1, 1, IsNan(), IsNan()));
  EXPECT_THAT(cummax(a, 0, false, false).to_vector<float>(),
              ElementsAre(-INFINITY, 1, 3, 3, IsNan()));
  EXPECT_THAT(cummin(array({2, 1}, {2}), 0, false, false).to_vector<int>(),
              ElementsAre(INT32_MAX, 2));
}

TEST(Scan, EveryTypeKeepsItsTypeAndWraps) {
  for (int d = 1; d <= static_cast<int>(Dtype::f64); ++d) {
    const auto dtype = static_cast<Dtype>(d);
    const array a = astype(array({1, 2, 2}, {3}), dtype);
    EXPECT_EQ(cumsum(a, 0).dtype(), dtype);
    EXPECT_THAT(cumsum(a, 0).to_vector<float>(), ElementsAre(1, 3, 5)) << name(dtype);
    EXPECT_THAT(cumprod(a, 0).to_vector<float>(), ElementsAre(1, 2, 4)) << name(dtype);
    EXPECT_THAT(cummax(a, 0, true).to_vector<float>(), ElementsAre(2, 2, 2)) << name(dtype);
    EXPECT_THAT(cummin(a, 0).to_vector<float>(), ElementsAre(1, 1, 1)) << name(dtype);
  }
  EXPECT_EQ(cumsum(array({true, true}, {2}), 0).dtype(), Dtype::i32);
  EXPECT_THAT(cumsum(array({true, true}, {2}), 0).to_vector<int>(), ElementsAre(1, 2));
  EXPECT_THAT(cumsum(array({int8_t{100}, int8_t{100}}, {2}), 0).to_vector<int>(),
              ElementsAre(100, -56));
  EXPECT_EQ(cumsum(contiguous(ones({4096}, Dtype::f16)), 0).to_vector<float>()[4095], 4096);
}

TEST(Scan, LargeAndEmptyArrays) {
  const array a = contiguous(ones({3, 1000, 70}));
  const std::vector<float> values = cumsum(a, 1).to_vector<float>();
  for (size_t i = 0; i < values.size(); i += 37) {
    ASSERT_EQ(values[i], static_cast<float>(i / 70 % 1000 + 1));
  }
  EXPECT_EQ(cumsum(zeros({0}), 0).to_vector<float>().size(), 0U);
  EXPECT_EQ(cumsum(zeros({2, 0}), 0).shape(), (Shape{2, 0}));
  EXPECT_EQ(error_of([] { cummax(zeros({2}), 1); }),
            "[cummax] axis 1 is out of range for an array of 1 dimensions");
}

}  // namespace
}  // namespace tarn
