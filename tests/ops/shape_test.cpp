#include "tarn/ops/shape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tarn/core/node.h"
#include "tarn/ops/creation.h"
#include "tarn/ops/elementwise.h"
#include "tests/support/errors.h"

namespace tarn {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;

array cube() {
  array a = reshape(arange(24), {2, 3, 4});
  eval({a});
  return a;
}

TEST(Reshape, IsAViewOfRowMajorArrays) {
  const array a = cube();
  EXPECT_EQ(reshape(a, {4, 6}).data<int>(), a.data<int>());
  EXPECT_EQ(reshape(a, {-1, 8}).shape(), (Shape{3, 8}));
  EXPECT_EQ(reshape(array(3), {1, 1}).shape(), (Shape{1, 1}));
  EXPECT_EQ(reshape(a, {24}).shape(), (Shape{24}));
  EXPECT_EQ(reshape(zeros({0, 3}), {3, 0}).shape(), (Shape{3, 0}));
  EXPECT_EQ(reshape(zeros({0, 3}), {-1, 3}).shape(), (Shape{0, 3}));
  EXPECT_EQ(flatten(a).shape(), (Shape{24}));
  EXPECT_EQ(flatten(a, 1).shape(), (Shape{2, 12}));
  EXPECT_EQ(flatten(a, 0, -2).shape(), (Shape{6, 4}));
  EXPECT_EQ(flatten(array(1)).shape(), (Shape{1}));
}

TEST(Reshape, OfViewsKeepsTheOrderOfValues) {
  const array t = transpose(cube());  // [4, 3, 2]
  EXPECT_THAT(reshape(t, {24}).to_vector<int>(), ElementsAreArray(t.to_vector<int>()));
  EXPECT_THAT(reshape(t, {2, 6, 2}).to_vector<int>(), ElementsAreArray(t.to_vector<int>()));
  const array spread = reshape(t, {4, 1, 3, 2, 1});  // extents of 1 need no copy
  EXPECT_EQ(spread.node()->storage, t.node()->storage);
  EXPECT_THAT(spread.to_vector<int>(), ElementsAreArray(t.to_vector<int>()));
  const array part = slice(cube(), {0, 1, 1}, {2, 3, 3});
  EXPECT_THAT(reshape(part, {8}).to_vector<int>(), ElementsAre(5, 6, 9, 10, 17, 18, 21, 22));
  EXPECT_THAT(reshape(broadcast_to(array({1, 2}, {2}), {2, 2}), {4}).to_vector<int>(),
              ElementsAre(1, 2, 1, 2));
}

TEST(Reshape, Complains) {
  const array a = zeros({2, 3});
  EXPECT_EQ(error_of([&] { reshape(a, {4}); }),
            "[reshape] 6 elements of shape (2, 3) do not fill shape (4)");
  EXPECT_EQ(error_of([&] {
              reshape(a, {-1, 4});
            }),
            "[reshape] 6 elements of shape (2, 3) do not fill shape (-1, 4)");
  EXPECT_EQ(error_of([&] {
              reshape(a, {-1, -1});
            }),
            "[reshape] shape (-1, -1) leaves two extents open; name one");
  EXPECT_EQ(error_of([&] {
              reshape(a, {-2, -3});
            }),
            "[reshape] 6 elements of shape (2, 3) do not fill shape (-2, -3)");
  EXPECT_NE(error_of([&] { reshape(a, {INT64_MAX, INT64_MAX, -1}); }), "no error");
  EXPECT_EQ(error_of([&] {
              reshape(zeros({0}), {-1, 0});
            }),
            "[reshape] 0 elements of shape (0) do not fill shape (-1, 0)");
  EXPECT_EQ(error_of([&] { squeeze(a, 0); }), "[squeeze] axis 0 of shape (2, 3) is not 1");
}

TEST(Axes, MoveWithoutCopies) {
  const array a = cube();
  EXPECT_EQ(transpose(a).shape(), (Shape{4, 3, 2}));
  EXPECT_THAT(slice(transpose(a), 0, 1, 2).to_vector<int>(), ElementsAre(1, 13, 5, 17, 9, 21));
  EXPECT_EQ(transpose(a, {1, -1, 0}).shape(), (Shape{3, 4, 2}));
  EXPECT_EQ(swapaxes(a, 0, -1).shape(), (Shape{4, 3, 2}));
  EXPECT_EQ(moveaxis(a, 0, -1).shape(), (Shape{3, 4, 2}));
  EXPECT_EQ(moveaxis(a, -1, 0).shape(), (Shape{4, 2, 3}));
  EXPECT_EQ(expand_dims(a, -1).shape(), (Shape{2, 3, 4, 1}));
  EXPECT_EQ(expand_dims(array(1), 0).shape(), (Shape{1}));
  EXPECT_EQ(squeeze(expand_dims(a, 1), 1).shape(), a.shape());
  EXPECT_EQ(transpose(array(1)).ndim(), 0);
  EXPECT_EQ(error_of([&] {
              transpose(a, {0, 1});
            }),
            "[transpose] 2 axes given for an array of 3 dimensions");
  EXPECT_EQ(error_of([&] { transpose(a, {0, 1, -2}); }), "[transpose] axis -2 is named twice");
  EXPECT_EQ(error_of([&] { moveaxis(a, 3, 0); }),
            "[moveaxis] axis 3 is out of range for an array of 3 dimensions");
}

TEST(Broadcast, FollowsNumpy) {
  const array a({1, 2}, {2, 1});
  EXPECT_THAT(broadcast_to(a, {2, 2, 3}).to_vector<int>(),
              ElementsAre(1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2));
  EXPECT_EQ(broadcast_to(a, {2, 0}).size(), 0);
  EXPECT_EQ(error_of([&] { broadcast_to(a, {1}); }),
            "[broadcast_to] shape (2, 1) does not broadcast to (1)");
  EXPECT_EQ(error_of([&] {
              broadcast_to(zeros({1, 1, 1, 1, 1, 1, 1, 1}), Shape(9, 1));
            }),
            "shape: more than 8 dimensions; merge some");
}

TEST(Slice, BoundsWorkAsInPython) {
  const array a = arange(10);
  const auto values = [&](int64_t start, int64_t stop, int64_t step = 1) {
    return slice(a, 0, start, stop, step).to_vector<int>();
  };
  EXPECT_THAT(values(2, 5), ElementsAre(2, 3, 4));
  EXPECT_THAT(values(-3, 100), ElementsAre(7, 8, 9));
  EXPECT_THAT(values(-100, 2), ElementsAre(0, 1));
  EXPECT_THAT(values(1, 10, 4), ElementsAre(1, 5, 9));
  EXPECT_THAT(values(0, 10, INT64_MAX), ElementsAre(0));
  EXPECT_THAT(values(5, 3), ElementsAre());
  EXPECT_THAT(values(20, 30), ElementsAre());
  EXPECT_THAT(values(-1, 6, -1), ElementsAre(9, 8, 7));
  EXPECT_THAT(values(3, -11, -1), ElementsAre(3, 2, 1, 0));
  EXPECT_THAT(values(100, 0, -4), ElementsAre(9, 5, 1));
  EXPECT_THAT(values(9, -100, INT64_MIN), ElementsAre(9));
  EXPECT_THAT(values(2, 5, -1), ElementsAre());
  EXPECT_EQ(error_of([&] { slice(a, 0, 0, 1, 0); }),
            "[slice] step 0 on axis 0 goes nowhere; give another");
  EXPECT_EQ(error_of([&] {
              slice(a, {0, 0}, {1, 1});
            }),
            "[slice] bounds of 2 dimensions for an array of 1");
}

TEST(Slice, ViewsOfViews) {
  const array a = cube();
  const array b = slice(transpose(a), {1, 0, 0}, {4, 3, 2}, {2, 1, 1});  // [2, 3, 2]
  EXPECT_THAT(b.to_vector<int>(), ElementsAre(1, 13, 5, 17, 9, 21, 3, 15, 7, 19, 11, 23));
  EXPECT_THAT(contiguous(b).to_vector<int>(), ElementsAreArray(b.to_vector<int>()));
  const array backwards = slice(a, {1, 2, 3}, {-3, -4, -5}, {-1, -1, -1});
  EXPECT_EQ(contiguous(backwards).to_vector<int>().front(), 23);
  EXPECT_EQ((backwards + array(0)).to_vector<int>().back(), 0);
  EXPECT_EQ(slice(a, 0, 0, 2).node(), a.node());  // all of it: the array itself
  EXPECT_TRUE(slice(a, 0, 1, 2).contiguous());
  EXPECT_EQ(slice(a, 0, 1, 2).data<int>(), a.data<int>() + 12);
}

TEST(Split, IntoEqualPartsOrAtPlaces) {
  const array a = cube();
  const std::vector<array> parts = split(a, 3, 1);
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_THAT(parts[1].to_vector<int>(), ElementsAre(4, 5, 6, 7, 16, 17, 18, 19));
  const std::vector<array> cut = split(arange(6), std::vector<int64_t>{1, 4}, 0);
  ASSERT_EQ(cut.size(), 3U);
  EXPECT_THAT(cut[1].to_vector<int>(), ElementsAre(1, 2, 3));
  EXPECT_EQ(error_of([&] { split(a, 5, 2); }),
            "[split] axis 2 of shape (2, 3, 4) does not divide into 5 equal parts");
}

TEST(Concatenate, JoinsViewsAndPromotes) {
  const array a = reshape(arange(6), {2, 3});
  EXPECT_THAT(concatenate({a, a}, 1).to_vector<int>(),
              ElementsAre(0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5));
  EXPECT_THAT(concatenate({transpose(a), zeros({1, 2}, Dtype::i32)}, 0).to_vector<int>(),
              ElementsAre(0, 3, 1, 4, 2, 5, 0, 0));
  EXPECT_EQ(concatenate({a, ones({2, 1})}, -1).dtype(), Dtype::f32);
  EXPECT_THAT(concatenate({zeros({0}), ones({2})}, 0).to_vector<float>(), ElementsAre(1, 1));
  EXPECT_THAT(stack({array(1), array(2)}, 0).to_vector<int>(), ElementsAre(1, 2));
  EXPECT_THAT(stack({arange(2), arange(2)}, -1).to_vector<int>(), ElementsAre(0, 0, 1, 1));
  const array big = concatenate({zeros({300, 500}), ones({300, 1})}, 1);
  EXPECT_EQ(big.to_vector<float>()[501 * 299 + 500], 1);
  EXPECT_EQ(error_of([] { concatenate({}, 0); }), "[concatenate] no arrays given");
  EXPECT_EQ(error_of([&] {
              concatenate({a, zeros({3, 2})}, 0);
            }),
            "[concatenate] shapes (2, 3) and (3, 2) differ on an axis other than 0");
}

TEST(Pad, PutsTheValueAround) {
  const array a = reshape(arange(4), {2, 2});
  EXPECT_THAT(pad(a, {{1, 0}, {0, 1}}, array(9)).to_vector<int>(),
              ElementsAre(9, 9, 9, 0, 1, 9, 2, 3, 9));
  EXPECT_THAT(pad(zeros({0}), {{1, 1}}, array(2.0F)).to_vector<float>(), ElementsAre(2, 2));
  EXPECT_EQ(error_of([&] {
              pad(a, {{-1, 0}, {0, 0}}, array(0));
            }),
            "[pad] negative width on axis 0; use slice to crop");
  EXPECT_EQ(error_of([&] {
              pad(a, {{1, 0}}, array(0));
            }),
            "[pad] 1 widths for an array of 2 dimensions");
}

TEST(Repeat, EachElementInARow) {
  const array a = reshape(arange(4), {2, 2});
  EXPECT_THAT(repeat(a, 2, 0).to_vector<int>(), ElementsAre(0, 1, 0, 1, 2, 3, 2, 3));
  EXPECT_THAT(repeat(a, 2, -1).to_vector<int>(), ElementsAre(0, 0, 1, 1, 2, 2, 3, 3));
  EXPECT_EQ(repeat(a, 0, 0).shape(), (Shape{0, 2}));
  EXPECT_EQ(error_of([&] { repeat(a, -1, 0); }), "[repeat] -1 times");
}

TEST(SliceUpdate, BroadcastsAndClamps) {
  const array a = contiguous(zeros({3, 4}));
  EXPECT_THAT(slice_update(a, array(1), {1, -2}, {100, 100}).to_vector<float>(),
              ElementsAre(0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1));
  EXPECT_THAT(slice_update(a, array({1, 2, 3}, {3, 1}), 1, 0, 2).to_vector<float>(),
              ElementsAre(1, 1, 0, 0, 2, 2, 0, 0, 3, 3, 0, 0));
  EXPECT_THAT(slice_update(a, array(1), 0, 2, 2).to_vector<float>(),
              ElementsAreArray(a.to_vector<float>()));
  EXPECT_EQ(slice_update(zeros({2}), array(1), 0, 0, 1).to_vector<float>()[0], 1);  // of a view
  EXPECT_EQ(error_of([&] { slice_update(a, zeros({2}), 1, 0, 3); }),
            "[slice_update] shapes (2) and (3, 3) do not broadcast: extents 3 and 2 differ and "
            "neither is 1; reshape one of them");
  EXPECT_EQ(error_of([&] {
              slice_update(a, zeros({5, 1, 1}), 1, 0, 3);
            }),
            "[slice_update] update (5, 1, 1) does not broadcast to the region (3, 3)");
}

TEST(Views, ReadAfterTheirSourceIsUpdatedElsewhere) {
  array a = contiguous(zeros({1000}));
  eval({a});
  const array view = slice(a, 0, 0, 2);
  a = slice_update(a, array(1.0F), 0, 0, 1);  // the view still holds the bytes: a copy is made
  EXPECT_EQ(a.to_vector<float>()[0], 1);
  EXPECT_THAT(view.to_vector<float>(), ElementsAre(0, 0));
}

}  // namespace
}  // namespace tarn
