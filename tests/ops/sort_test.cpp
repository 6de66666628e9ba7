#include "tarn/ops/sort.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tarn/ops/creation.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/index.h"
#include "tarn/ops/shape.h"
#include "tests/support/errors.h"

namespace tarn {
namespace {

using testing::ElementsAre;
using testing::IsNan;
using testing::UnorderedElementsAre;

constexpr float inf = INFINITY;

TEST(Sort, IsStableAndPutsNanLast) {
  const array a({3.0F, NAN, -inf, 0.0F, -0.0F, inf, -2.0F}, {7});
  EXPECT_THAT(sort(a).to_vector<float>(), ElementsAre(-inf, -2, 0, 0, 3, inf, IsNan()));
  EXPECT_FALSE(std::signbit(sort(a).to_vector<float>()[2]));  // 0 and -0 keep their order
  EXPECT_TRUE(std::signbit(sort(a).to_vector<float>()[3]));
  EXPECT_THAT(argsort(a).to_vector<int>(), ElementsAre(2, 6, 3, 4, 0, 5, 1));
  EXPECT_EQ(argsort(a).dtype(), Dtype::u32);
  EXPECT_THAT(argsort(array({-NAN, 1.0F, NAN}, {3})).to_vector<int>(), ElementsAre(1, 0, 2));
}

TEST(Sort, EveryType) {
  for (int d = 0; d <= static_cast<int>(Dtype::f64); ++d) {
    const auto dtype = static_cast<Dtype>(d);
    const array a = astype(array({1, 0, 1, 0}, {4}), dtype);
    EXPECT_THAT(sort(a).to_vector<float>(), ElementsAre(0, 0, 1, 1)) << name(dtype);
    EXPECT_THAT(argsort(a).to_vector<int>(), ElementsAre(1, 3, 0, 2)) << name(dtype);
    if (category(dtype) != Category::signed_integer && !is_floating(dtype)) continue;
    EXPECT_THAT(sort(negative(a)).to_vector<float>(), ElementsAre(-1, -1, 0, 0)) << name(dtype);
  }
  EXPECT_THAT(sort(array({INT64_MAX, int64_t{-1}, INT64_MIN}, {3})).to_vector<int64_t>(),
              ElementsAre(INT64_MIN, -1, INT64_MAX));
  EXPECT_THAT(sort(array({UINT64_MAX, uint64_t{1}}, {2})).to_vector<uint64_t>(),
              ElementsAre(1, UINT64_MAX));
  EXPECT_THAT(sort(array({std::nan(""), -1e300, 1e-300}, {3})).to_vector<double>(),
              ElementsAre(-1e300, 1e-300, IsNan()));
}

TEST(Sort, AnyAxisAndEmptyArrays) {
  const array a({3, 1, 2, 0, 5, 4}, {2, 3});
  EXPECT_THAT(sort(a).to_vector<int>(), ElementsAre(1, 2, 3, 0, 4, 5));
  EXPECT_THAT(sort(a, 0).to_vector<int>(), ElementsAre(0, 1, 2, 3, 5, 4));
  EXPECT_THAT(argsort(a, -2).to_vector<int>(), ElementsAre(1, 0, 0, 0, 1, 1));
  EXPECT_EQ(sort(zeros({2, 0})).shape(), (Shape{2, 0}));
  EXPECT_EQ(sort(zeros({0, 2})).to_vector<float>().size(), 0U);
  EXPECT_EQ(error_of([] { sort(array(1)); }),
            "[sort] axis -1 is out of range for an array of 0 dimensions");
}

TEST(Sort, LargeRowsMatchTheStandardLibrary) {
  const array a = sin(arange(0, 200000) * 12.9898F);
  std::vector<float> expected = a.to_vector<float>();
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(sort(a).to_vector<float>(), expected);
  EXPECT_EQ(take(a, argsort(a)).to_vector<float>(), expected);
  std::vector<float> top = topk(a, 50).to_vector<float>();
  std::sort(top.begin(), top.end());
  EXPECT_TRUE(std::equal(top.begin(), top.end(), expected.end() - 50));
  const std::vector<float> cut = partition(a, 1000).to_vector<float>();
  EXPECT_EQ(cut[1000], expected[1000]);
  EXPECT_LE(*std::max_element(cut.begin(), cut.begin() + 1000), cut[1000]);
  EXPECT_GE(*std::min_element(cut.begin() + 1000, cut.end()), cut[1000]);
  EXPECT_EQ(take(a, argpartition(a, 1000)).to_vector<float>(), cut);
}

TEST(Sort, TopkAndPartitionOnAnyAxis) {
  const array a({3, 1, 2, 0, 5, 4}, {2, 3});
  const std::vector<int> top = topk(a, 2, 1).to_vector<int>();
  EXPECT_THAT(std::vector<int>(top.begin(), top.begin() + 2), UnorderedElementsAre(2, 3));
  EXPECT_THAT(std::vector<int>(top.begin() + 2, top.end()), UnorderedElementsAre(4, 5));
  EXPECT_THAT(topk(a, 1, 0).to_vector<int>(), ElementsAre(3, 5, 4));
  EXPECT_EQ(topk(a, 0).shape(), (Shape{2, 0}));
  EXPECT_EQ(topk(a, 3).shape(), a.shape());
  EXPECT_THAT(slice(argpartition(a, -1, 1), 1, 2, 3).to_vector<int>(), ElementsAre(0, 1));
  EXPECT_EQ(error_of([&] { topk(a, 4); }), "[topk] 4 values asked of axis -1 of extent 3");
  EXPECT_EQ(error_of([&] { partition(a, 2, 0); }),
            "[partition] kth 2 is out of range for axis 0 of extent 2");
}

}  // namespace
}  // namespace tarn
