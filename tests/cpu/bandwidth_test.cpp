#include "tarn/cpu/bandwidth.h"

#include <gtest/gtest.h>

#include "tarn/base/error.h"

namespace tarn::cpu {
namespace {

// Between what the slowest machine with sanitizers reads and what no machine does.
TEST(Bandwidth, IsPlausible) {
  for (const int threads : {1, 2}) {
    const ReadBandwidth rate = measure_read_bandwidth(threads, 0.05);
    EXPECT_GT(rate.median, 1e7);
    EXPECT_GE(rate.best, rate.median);
    EXPECT_LT(rate.best, 1e13);
  }
}

TEST(Bandwidth, RefusesNoThreads) { EXPECT_THROW(measure_read_bandwidth(0, 0.1), Error); }

}  // namespace
}  // namespace tarn::cpu
