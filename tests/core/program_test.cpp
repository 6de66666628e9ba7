#include "tarn/core/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tarn/base/error.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/index.h"
#include "tarn/ops/shape.h"

namespace tarn {
namespace {

using testing::ElementsAre;

std::vector<float> iota(int n) {
  std::vector<float> values(static_cast<size_t>(n));
  for (int i = 0; i < n; ++i) values[static_cast<size_t>(i)] = static_cast<float>(i);
  return values;
}

TEST(Program, ComputesAnExpressionOverBroadcastViews) {
  const array a(iota(6), {2, 3});
  const array b(iota(3), {3});
  const array c = (a + b) * 2.0F - transpose(reshape(a, {3, 2}));
  EXPECT_THAT(c.to_vector<float>(), ElementsAre(0, 2, 4, 5, 7, 9));
}

TEST(Program, FusesAChainOfMapsIntoOneStep) {
  reset_program_totals();
  const array a(iota(1000), {1000});
  array x = a;
  for (int i = 0; i < 4; ++i) x = x * 0.5F + 1.0F;
  eval({x});
  const ProgramStats stats = program_totals();
  EXPECT_EQ(stats.operations, 8);
  EXPECT_EQ(stats.steps, 1);
  EXPECT_FLOAT_EQ(x.to_vector<float>()[16], 16.0F / 16 + 1.875F);
}

TEST(Program, FusesAValueThatIsUsedTwiceWithinTheGroup) {
  reset_program_totals();
  const array a(iota(8), {8});
  const array b = a + 1.0F;
  const array c = [&] {
    const array d = b * 1.0F;
    return d * sigmoid(d);
  }();
  eval({c});
  EXPECT_EQ(program_totals().steps, 2);  // b is held outside and must be stored
  EXPECT_NEAR(c.to_vector<float>()[2], 3.0 / (1 + std::exp(-3.0)), 1e-6);
  EXPECT_THAT(b.to_vector<float>(), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
}

TEST(Program, ReusesMemoryOfValuesThatNobodyHolds) {
  const array a(iota(1 << 16), {1 << 16});
  array x = a + 1.0F;
  eval({x});
  const void* before = x.data<float>();
  x = x * 2.0F;
  eval({x});
  EXPECT_EQ(x.data<float>(), before);
  const array kept = x;
  x = x * 2.0F;
  eval({x});
  EXPECT_NE(x.data<float>(), before);
  EXPECT_EQ(kept.to_vector<float>()[3], 8.0F);
  EXPECT_EQ(x.to_vector<float>()[3], 16.0F);
}

TEST(Program, SliceUpdateWritesInPlaceOnlyWhenNobodyElseHoldsTheArray) {
  array cache(iota(6), {2, 3});
  eval({cache});
  const void* place = cache.data<float>();
  cache = slice_update(cache, array(7.0F), 1, 2, 3);
  eval({cache});
  EXPECT_EQ(cache.data<float>(), place);
  EXPECT_THAT(cache.to_vector<float>(), ElementsAre(0, 1, 7, 3, 4, 7));
  const array fork = cache;
  cache = slice_update(cache, array(9.0F), 0, 0, 1);
  eval({cache});
  EXPECT_THAT(cache.to_vector<float>(), ElementsAre(9, 9, 9, 3, 4, 7));
  EXPECT_THAT(fork.to_vector<float>(), ElementsAre(0, 1, 7, 3, 4, 7));
}

TEST(Program, ReadsTheOldValueBeforeAnInPlaceUpdate) {
  array cache(iota(4), {4});
  eval({cache});
  const array before = cache * 1.0F;
  cache = slice_update(cache, array(9.0F), 0, 0, 1);
  const array after = cache + before;
  eval({after, before, cache});
  EXPECT_THAT(before.to_vector<float>(), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(after.to_vector<float>(), ElementsAre(9, 2, 4, 6));
}

TEST(Program, LargeArraysAreSharedAmongTheTeam) {
  const int n = 1 << 20;
  const array a(iota(n), {1024, 1024});
  const array b = contiguous(transpose(a)) + transpose(a) * 2.0F;
  const std::vector<float> values = b.to_vector<float>();
  for (int i = 0; i < n; i += 777) {
    const int row = i / 1024;
    const int column = i % 1024;
    ASSERT_EQ(values[static_cast<size_t>(i)], 3.0F * static_cast<float>(column * 1024 + row));
  }
}

TEST(Program, ChainsLongerThanTheStackEvaluateAndVanish) {
  array x(1.0F);
  for (int i = 0; i < 200000; ++i) x = x + 0.0F;
  {
    const array dropped = x * 2.0F;  // destroyed without evaluation
  }
  EXPECT_EQ(x.item<float>(), 1.0F);
}

TEST(Program, AnErrorSpoilsOnlyWhatDependsOnIt) {
  const array table(iota(6), {3, 2});
  const array good = table + 1.0F;
  const array bad = take(good, array({7}, {1}), 0);
  const array after = bad * 2.0F;
  EXPECT_THROW(eval({after, good}), Error);
  EXPECT_THAT(good.to_vector<float>(), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THROW(after.to_vector<float>(), Error);
  EXPECT_THROW((after + 1.0F).to_vector<float>(), Error);
  EXPECT_THAT((good * 2.0F).to_vector<float>(), ElementsAre(2, 4, 6, 8, 10, 12));
}

TEST(Program, AsyncEvalIsWaitedFor) {
  array x(iota(1 << 18), {1 << 18});
  for (int i = 0; i < 5; ++i) {
    x = x + 1.0F;
    async_eval({x});
  }
  EXPECT_TRUE(x.evaluated());
  EXPECT_EQ(x.to_vector<float>()[10], 15.0F);
}

TEST(Program, SeveralThreadsEvaluateOverlappingGraphs) {
  const array shared = array(iota(1 << 14), {1 << 14}) * 3.0F;
  std::vector<std::thread> threads;
  std::vector<float> results(8);
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      float sum = 0;
      for (int i = 0; i < 20; ++i) {
        const array mine = shared + static_cast<float>(t * i);
        if (i % 2 == 0) async_eval({mine});
        sum += mine.to_vector<float>()[1];
      }
      results[static_cast<size_t>(t)] = sum;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int t = 0; t < 8; ++t) {
    EXPECT_EQ(results[static_cast<size_t>(t)], 60.0F + static_cast<float>(190 * t));
  }
}

}  // namespace
}  // namespace tarn
