#include "tarn/ops/index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tarn/ops/creation.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/reduce.h"
#include "tarn/ops/shape.h"
#include "tests/support/errors.h"

namespace tarn {
namespace {

using testing::ElementsAre;

array table() { return reshape(arange(12), {4, 3}); }

TEST(Take, SlicesAlongAnyAxis) {
  EXPECT_THAT(take(table(), array({2, 0, -1}, {3}), 0).to_vector<int>(),
              ElementsAre(6, 7, 8, 0, 1, 2, 9, 10, 11));
  EXPECT_THAT(take(table(), array({2, 0}, {2}), -1).to_vector<int>(),
              ElementsAre(2, 0, 5, 3, 8, 6, 11, 9));
  EXPECT_EQ(take(table(), zeros({2, 5}, Dtype::u8), 1).shape(), (Shape{4, 2, 5}));
  EXPECT_EQ(take(table(), array(1), 0).shape(), (Shape{3}));
  EXPECT_THAT(take(transpose(table()), array({1}, {1}), 0).to_vector<int>(),
              ElementsAre(1, 4, 7, 10));
  EXPECT_THAT(take(table(), array({11, -12}, {2})).to_vector<int>(), ElementsAre(11, 0));
  EXPECT_EQ(take(table(), zeros({0}, Dtype::i32), 0).shape(), (Shape{0, 3}));
  EXPECT_EQ(take(zeros({0, 3}), zeros({0}, Dtype::i32), 0).to_vector<float>().size(), 0U);
}

TEST(Take, EveryElementAndIndexType) {
  for (const Dtype index : {Dtype::u8, Dtype::u16, Dtype::u32, Dtype::u64, Dtype::i8, Dtype::i16,
                            Dtype::i32, Dtype::i64}) {
    for (const Dtype dtype : {Dtype::bool_, Dtype::bf16, Dtype::f32, Dtype::f64}) {
      const array a = astype(array({0, 1, 0, 1, 1, 0}, {3, 2}), dtype);
      const array at = astype(array({2, 1}, {2}), index);
      EXPECT_THAT(take(a, at, 0).to_vector<float>(), ElementsAre(1, 0, 0, 1));
      EXPECT_EQ(take(a, at, 0).dtype(), dtype);
    }
  }
}

TEST(Take, NamesTheIndexThatIsOutOfRange) {
  EXPECT_EQ(error_of([] {
              eval({take(table(), array({0, 4}, {2}), 0)});
            }),
            "[take] index 4 (number 1 of the indices) is out of range for axis 0 of extent 4");
  EXPECT_EQ(error_of([] { eval({take(table(), array(-4), 1)}); }),
            "[take] index -4 (number 0 of the indices) is out of range for axis 1 of extent 3");
  EXPECT_EQ(error_of([] { eval({take(table(), array({UINT64_MAX}, {1}), 0)}); }),
            "[take] index 9223372036854775807 (number 0 of the indices) is out of range for axis 0 "
            "of extent 4");
  EXPECT_EQ(error_of([] { take(table(), array(1), 2); }),
            "[take] axis 2 is out of range for an array of 2 dimensions");
  EXPECT_EQ(error_of([] { take(table(), array(1.0F), 0); }),
            "[take] indices are float32; cast them to an integer type");
  // From many members at once, too.
  const array many =
      slice_update(contiguous(zeros({100000}, Dtype::i32)), array(9), 0, 50000, 50001);
  EXPECT_EQ(error_of([&] { eval({take(table(), many, 0)}); }),
            "[take] index 9 (number 50000 of the indices) is out of range for axis 0 of extent 4");
}

TEST(Take, LargeGathersAreShared) {
  const array at = arange(99999, -1, -1, Dtype::i32);
  const std::vector<int> values = take(arange(100000), at, 0).to_vector<int>();
  for (int i = 0; i < 100000; i += 111) ASSERT_EQ(values[static_cast<size_t>(i)], 99999 - i);
}

TEST(TakeAlongAxis, PicksElementwiseAndBroadcasts) {
  const array at({1, 0, 3, -1, 2, 0}, {2, 3});
  EXPECT_THAT(take_along_axis(table(), at, 0).to_vector<int>(), ElementsAre(3, 1, 11, 9, 7, 2));
  EXPECT_THAT(take_along_axis(table(), array({2}, {1, 1}), 1).to_vector<int>(),
              ElementsAre(2, 5, 8, 11));
  EXPECT_EQ(take_along_axis(ones({1, 3}), zeros({4, 2}, Dtype::i32), 1).shape(), (Shape{4, 2}));
  EXPECT_EQ(error_of([] { take_along_axis(table(), array({1}, {1}), 0); }),
            "[take_along_axis] indices (1) must have as many dimensions as the array (4, 3); "
            "expand or reshape them");
  EXPECT_EQ(error_of([] {
              eval({take_along_axis(table(), array({3}, {1, 1}), 1)});
            }),
            "[take_along_axis] index 3 (number 0 of the indices) is out of range for axis 1 of "
            "extent 3");
}

TEST(PutAlongAxis, WritesAndAddsInTheOrderOfTheIndices) {
  const array a = contiguous(zeros({2, 3}));
  const array at({2, 0, 1, 1}, {2, 2});
  const array values({1.0F, 2.0F, 3.0F, 4.0F}, {2, 2});
  EXPECT_THAT(put_along_axis(a, at, values, 1).to_vector<float>(), ElementsAre(2, 0, 1, 0, 4, 0));
  EXPECT_THAT(scatter_add_axis(a, at, values, 1).to_vector<float>(), ElementsAre(2, 0, 1, 0, 7, 0));
  EXPECT_THAT(put_along_axis(a, array({0}, {1, 1}), array(5), 1).to_vector<float>(),
              ElementsAre(5, 0, 0, 5, 0, 0));
  EXPECT_THAT(a.to_vector<float>(), ElementsAre(0, 0, 0, 0, 0, 0));
  EXPECT_EQ(error_of([&] { put_along_axis(a, at, zeros({3}), 1); }),
            "[put_along_axis] shapes (3) and (2, 2) do not broadcast: extents 2 and 3 differ and "
            "neither is 1; reshape one of them");
}

TEST(Scatter, CombinesSlices) {
  const array a = contiguous(ones({3, 2}));
  const array at({2, 0, 2}, {3});
  const array updates({1.0F, 2.0F, 3.0F, 4.0F, 5.0F, 6.0F}, {3, 2});
  EXPECT_THAT(scatter(a, at, updates).to_vector<float>(), ElementsAre(3, 4, 1, 1, 5, 6));
  EXPECT_THAT(scatter_add(a, at, updates).to_vector<float>(), ElementsAre(4, 5, 1, 1, 7, 9));
  EXPECT_THAT(scatter(a, at, updates, 0, ScatterMode::multiply).to_vector<float>(),
              ElementsAre(3, 4, 1, 1, 5, 12));
  EXPECT_THAT(scatter(a, at, updates, 0, ScatterMode::maximum).to_vector<float>(),
              ElementsAre(3, 4, 1, 1, 5, 6));
  EXPECT_THAT(scatter(a, at, -updates, 0, ScatterMode::minimum).to_vector<float>(),
              ElementsAre(-3, -4, 1, 1, -5, -6));
  EXPECT_THAT(scatter_add(a, array({1, -1}, {2}), array(2.0F), 1).to_vector<float>(),
              ElementsAre(1, 5, 1, 5, 1, 5));
  EXPECT_THAT(scatter(table(), zeros({0}, Dtype::i32), array(2)).to_vector<int>(),
              testing::ElementsAreArray(table().to_vector<int>()));
  EXPECT_EQ(error_of([&] { eval({scatter(a, array({3}, {1}), array(1.0F))}); }),
            "[scatter] index 3 (number 0 of the indices) is out of range for axis 0 of extent 3");
  EXPECT_EQ(error_of([&] {
              scatter(a, at, zeros({4, 3, 2}));
            }),
            "[scatter] updates (4, 3, 2) do not broadcast to the slices (3, 2)");
}

TEST(Scatter, SumsInOneOrderOnAnyTeam) {
  // Terms of very different size: another order of additions would give other bits.
  const int64_t n = 20000;
  const array updates = exp(sin(arange(0, static_cast<double>(n * 8))) * 12.0F);
  const array at = remainder(arange(n) * array(7919), array(13));
  const array sums = scatter_add(contiguous(zeros({13, 8})), at, reshape(updates, {n, 8}));
  const std::vector<float> got = sums.to_vector<float>();
  std::vector<float> expected(13 * 8, 0.0F);
  const std::vector<float> values = updates.to_vector<float>();
  for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
    for (size_t c = 0; c < 8; ++c) expected[i * 7919 % 13 * 8 + c] += values[i * 8 + c];
  }
  EXPECT_EQ(got, expected);
}

TEST(Scatter, WritesInPlaceWhenNobodyElseHoldsTheArray) {
  array a = contiguous(zeros({1000}));
  eval({a});
  const void* place = a.data<float>();
  a = scatter_add(a, array({3}, {1}), array(2.0F));
  eval({a});
  EXPECT_EQ(a.data<float>(), place);
  EXPECT_EQ(a.to_vector<float>()[3], 2);
}

}  // namespace
}  // namespace tarn
