#include "tarn/memory/pool.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tarn/base/error.h"

namespace tarn::memory {
namespace {

constexpr size_t mib = size_t{1} << 20;

class Pool : public testing::Test {
 protected:
  void SetUp() override { clear_cache(); }
  void TearDown() override {
    set_limit(before_.limit);
    clear_cache();
  }
  const Stats before_ = stats();
};

TEST_F(Pool, KeepsWhatIsFreedForTheNextOfItsSize) {
  allocate(mib);
  EXPECT_EQ(stats().cached, mib);
  const Stats between = stats();
  const auto again = allocate(mib);
  EXPECT_EQ(stats().reuses, between.reuses + 1);
  EXPECT_EQ(stats().cached, 0U);
  EXPECT_EQ(stats().active, between.active + mib);
}

// Prompts of ever new lengths: each size is a little smaller than one that was there.
TEST_F(Pool, TakesAKeptBlockThatIsALittleLarger) {
  allocate(40 * mib);  // so much was in use once, and may be kept
  clear_cache();
  allocate(12 * mib);
  const Stats between = stats();
  {
    const auto smaller = allocate(8 * mib + 1);  // the class above is 10 MiB
    EXPECT_EQ(smaller->size(), 8 * mib + 1);
    EXPECT_EQ(stats().reuses, between.reuses + 1);
    EXPECT_EQ(stats().active, between.active + 12 * mib);  // all of the block
  }
  EXPECT_EQ(stats().cached, 12 * mib);
  const auto much_smaller = allocate(4 * mib);  // three times as large would waste too much
  EXPECT_EQ(stats().reuses, between.reuses + 1);
  EXPECT_EQ(stats().cached, 12 * mib);
}

TEST_F(Pool, KeepsNoMoreThanWasOnceInUse) {
  size_t most = 0;
  for (size_t i = 1; i <= 40; ++i) {
    const auto one = allocate(i * mib);
    const auto other = allocate((41 - i) * mib);
    most = std::max(most, stats().active);
    EXPECT_LE(stats().active + stats().cached, std::max(most, before_.peak));
  }
  EXPECT_GT(stats().cached, 0U);
}

TEST_F(Pool, LetsGoOfWhatItKeepsBeforeItPassesTheLimit) {
  allocate(8 * mib);
  set_limit(stats().active + 9 * mib);
  const auto small = allocate(2 * mib);
  EXPECT_EQ(stats().cached, 0U);
  EXPECT_THROW(allocate(8 * mib), Error);
  EXPECT_NO_THROW(allocate(6 * mib));
}

// A larger block must not break a limit that the smaller one keeps to.
TEST_F(Pool, TakesALargerBlockOnlyWithinTheLimit) {
  allocate(12 * mib);
  set_limit(stats().active + 11 * mib);
  const auto smaller = allocate(10 * mib);
  EXPECT_LE(stats().active, stats().limit);
  EXPECT_EQ(stats().cached, 0U);
}

}  // namespace
}  // namespace tarn::memory
