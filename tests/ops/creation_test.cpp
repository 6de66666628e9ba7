#include "tarn/ops/creation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tarn/ops/shape.h"
#include "tests/support/errors.h"

namespace tarn {
namespace {

using testing::ElementsAre;

TEST(Creation, FullTakesNoMemoryAndHasTheAskedType) {
  const array a = full({2, 3}, array(7), Dtype::u8);
  EXPECT_EQ(a.dtype(), Dtype::u8);
  EXPECT_EQ(a.strides(), (Strides{0, 0}));
  EXPECT_THAT(a.to_vector<int>(), ElementsAre(7, 7, 7, 7, 7, 7));
  EXPECT_EQ(full({2}, array(7)).dtype(), Dtype::i32);
  EXPECT_THAT(zeros({2}).to_vector<float>(), ElementsAre(0, 0));
  EXPECT_THAT(ones_like(a).to_vector<int>(), ElementsAre(1, 1, 1, 1, 1, 1));
  EXPECT_EQ(zeros_like(a).dtype(), Dtype::u8);
  EXPECT_EQ(zeros({0, 3}).to_vector<float>().size(), 0U);
}

TEST(Creation, ArangeCountsAsTheFormulaSays) {
  EXPECT_THAT(arange(4).to_vector<int>(), ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(arange(4).dtype(), Dtype::i32);
  EXPECT_THAT(arange(1, 0, -0.25).to_vector<float>(), ElementsAre(1, 0.75, 0.5, 0.25));
  EXPECT_THAT(arange(0, 1, 0.3).to_vector<float>(),
              ElementsAre(0, 0.3F, 0.6F, static_cast<float>(3 * 0.3)));
  EXPECT_THAT(arange(-2, 3, 2, Dtype::i64).to_vector<int64_t>(), ElementsAre(-2, 0, 2));
  EXPECT_THAT(arange(0, 4, 1, Dtype::bf16).to_vector<float>(), ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(arange(3, 3).size(), 0);
  EXPECT_EQ(arange(3, 0).size(), 0);
  EXPECT_EQ(arange(200000).to_vector<int>()[199999], 199999);
  EXPECT_EQ(error_of([] { arange(0, 1, 0); }),
            "[arange] start 0, stop 1, step 0 give no finite range");
}

TEST(Creation, LinspaceIncludesBothEnds) {
  const std::vector<float> values = linspace(0, 1, 7).to_vector<float>();
  EXPECT_EQ(values.front(), 0);
  EXPECT_EQ(values.back(), 1);
  EXPECT_FLOAT_EQ(values[2], 1.0F / 3);
  EXPECT_THAT(linspace(2, 9, 1).to_vector<float>(), ElementsAre(2));
  EXPECT_EQ(linspace(2, 9, 0).size(), 0);
  EXPECT_THAT(linspace(0, 4, 3, Dtype::i32).to_vector<int>(), ElementsAre(0, 2, 4));
  EXPECT_EQ(error_of([] { linspace(0, 1, -1); }), "[linspace] -1 values; give 0 or more");
}

TEST(Creation, DiagonalsAndTriangles) {
  EXPECT_THAT(eye(2, 3).to_vector<float>(), ElementsAre(1, 0, 0, 0, 1, 0));
  EXPECT_THAT(eye(2, 3, 1).to_vector<float>(), ElementsAre(0, 1, 0, 0, 0, 1));
  EXPECT_THAT(eye(2, 2, -1, Dtype::i8).to_vector<int>(), ElementsAre(0, 0, 1, 0));
  EXPECT_THAT(tri(2, 3, 1).to_vector<float>(), ElementsAre(1, 1, 0, 1, 1, 1));
  const array a = reshape(arange(1, 9, 1, Dtype::i32), {2, 2, 2});
  EXPECT_THAT(tril(a).to_vector<int>(), ElementsAre(1, 0, 3, 4, 5, 0, 7, 8));
  EXPECT_THAT(triu(a, 1).to_vector<int>(), ElementsAre(0, 2, 0, 0, 0, 6, 0, 0));
  EXPECT_EQ(tril(a).dtype(), Dtype::i32);
  EXPECT_EQ(error_of([] { triu(array(1)); }),
            "[triu] shape () has no matrices; it needs two dimensions");
}

}  // namespace
}  // namespace tarn
