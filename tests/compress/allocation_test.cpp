#include "tarn/compress/allocation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/support/errors.h"

namespace tarn::compress {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

double loss_of(const std::vector<std::vector<Choice>>& modules, const std::vector<size_t>& chosen) {
  double loss = 0;
  for (size_t m = 0; m < modules.size(); ++m) loss += modules[m][chosen[m]].loss;
  return loss;
}

uint64_t bytes_of(const std::vector<std::vector<Choice>>& modules,
                  const std::vector<size_t>& chosen) {
  uint64_t bytes = 0;
  for (size_t m = 0; m < modules.size(); ++m) bytes += modules[m][chosen[m]].bytes;
  return bytes;
}

TEST(Allocation, BuysWhatSavesMostForAByte) {
  const std::vector<std::vector<Choice>> modules = {{{10, 8}, {20, 1}}, {{10, 5}, {20, 4}}};
  EXPECT_THAT(allocate(modules, 20), ElementsAre(0, 0));
  EXPECT_THAT(allocate(modules, 30), ElementsAre(1, 0));
  EXPECT_THAT(allocate(modules, 39), ElementsAre(1, 0));
  EXPECT_THAT(allocate(modules, 40), ElementsAre(1, 1));
  EXPECT_THAT(error_of([&] { allocate(modules, 19); }), HasSubstr("take 20 bytes"));
}

// A choice that costs more and loses more is never taken, wherever it stands.
TEST(Allocation, PassesOverWorseChoices) {
  const std::vector<std::vector<Choice>> modules = {{{30, 1}, {10, 8}, {20, 9}, {40, 1}}};
  EXPECT_THAT(allocate(modules, 25), ElementsAre(1));
  EXPECT_THAT(allocate(modules, 100), ElementsAre(0));
}

// The optimum of a greedy walk on the hull is off by one step at most: within a few percent of the
// best of all combinations here.
TEST(Allocation, ComesCloseToTheBestOfAllCombinations) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> part(0.2, 1.0);
  std::vector<std::vector<Choice>> modules(6);
  for (auto& module : modules) {
    double loss = 10 * part(random);
    const uint64_t bytes = 50 + random() % 100;
    for (uint64_t bits = 2; bits < 6; ++bits) {
      module.push_back({bytes * bits, loss});
      loss *= 0.25 * part(random) + 0.1;
    }
  }
  for (const uint64_t budget : {2200U, 2500U, 2900U, 3300U}) {
    double best = 1e9;
    for (size_t code = 0; code < 4096; ++code) {
      std::vector<size_t> chosen;
      for (size_t m = 0; m < 6; ++m) chosen.push_back(code >> (2 * m) & 3);
      if (bytes_of(modules, chosen) <= budget) best = std::min(best, loss_of(modules, chosen));
    }
    const std::vector<size_t> chosen = allocate(modules, budget);
    EXPECT_LE(bytes_of(modules, chosen), budget);
    EXPECT_LT(loss_of(modules, chosen), best * 1.15) << budget;
    EXPECT_EQ(chosen, allocate(modules, budget));
  }
}

}  // namespace
}  // namespace tarn::compress
