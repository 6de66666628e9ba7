#include "tarn/core/compile.h"

#include <gtest/gtest.h>

#include "tarn/base/error.h"
#include "tarn/core/program.h"
#include "tarn/memory/pool.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/index.h"
#include "tarn/ops/reduce.h"
#include "tarn/ops/shape.h"

namespace tarn {
namespace {

std::vector<float> values(const array& a) { return a.to_vector<float>(); }

// out = x * 2 + 1; state += x.
std::vector<array> accumulate(const std::vector<array>& in) {
  return {in[0] * 2.0F + 1.0F, in[1] + in[0]};
}

TEST(Compiled, RunsTheSameProgramOnOtherValues) {
  Compiled f([](const std::vector<array>& in) -> std::vector<array> {
    std::vector<array> results{sum(in[0] * in[1], {-1}, false)};
    results.push_back(in[0] - in[1]);
    return results;
  });
  for (int round = 0; round < 5; ++round) {
    const auto base = static_cast<float>(round);
    std::vector<array> inputs = {array({base, base + 1}, {2}), array({2.0F, 3.0F}, {2})};
    const std::vector<array> out = f(inputs);
    EXPECT_EQ(values(out[0]), std::vector<float>{base * 2 + (base + 1) * 3});
    EXPECT_EQ(values(out[1]), (std::vector<float>{base - 2, base - 2}));
  }
  EXPECT_EQ(f.recordings(), 1);
}

TEST(Compiled, ResultsOfEarlierCallsStay) {
  Compiled f(accumulate);
  std::vector<array> first = {array({1.0F}, {1}), array({10.0F}, {1})};
  const std::vector<array> a = f(first);
  std::vector<array> second = {array({5.0F}, {1}), array({20.0F}, {1})};
  const std::vector<array> b = f(second);
  EXPECT_EQ(values(a[0]), std::vector<float>{3});
  EXPECT_EQ(values(a[1]), std::vector<float>{11});
  EXPECT_EQ(values(b[0]), std::vector<float>{11});
  EXPECT_EQ(values(b[1]), std::vector<float>{25});
  EXPECT_EQ(values(first[1]), std::vector<float>{10});
}

TEST(Compiled, DonatedInputsAreOverwrittenInPlace) {
  Compiled f(accumulate, 1);
  array state(std::vector<float>(1000, 1.0F), {1000});
  const float* memory = state.data<float>();
  for (int round = 0; round < 4; ++round) {
    std::vector<array> inputs = {array(std::vector<float>(1000, 2.0F), {1000}), std::move(state)};
    std::vector<array> out = f(inputs);
    EXPECT_EQ(inputs.size(), 1U);
    state = std::move(out[1]);
    EXPECT_EQ(state.data<float>(), memory);
  }
  EXPECT_EQ(values(state), std::vector<float>(1000, 9.0F));
}

TEST(Compiled, ASharedDonatedInputIsCopied) {
  Compiled f(accumulate, 1);
  for (int round = 0; round < 2; ++round) {
    array state(std::vector<float>(100, 1.0F), {100});
    const array snapshot = state;
    std::vector<array> inputs = {array(std::vector<float>(100, 2.0F), {100}), std::move(state)};
    const std::vector<array> out = f(inputs);
    EXPECT_EQ(values(snapshot), std::vector<float>(100, 1.0F));
    EXPECT_EQ(values(out[1]), std::vector<float>(100, 3.0F));
  }
}

TEST(Compiled, OtherShapesAreRecordedAnew) {
  Compiled f(accumulate);
  for (const int64_t size : {3, 5, 3, 5}) {
    const std::vector<float> ones(static_cast<size_t>(size), 1.0F);
    std::vector<array> inputs = {array(ones, {size}), array(ones, {size})};
    EXPECT_EQ(values(f(inputs)[0]), std::vector<float>(static_cast<size_t>(size), 3.0F));
  }
  EXPECT_EQ(f.recordings(), 2);
}

TEST(Compiled, ViewsPassThroughsAndRepetitionsAreResultsToo) {
  Compiled f([](const std::vector<array>& in) -> std::vector<array> {
    const array twice = in[0] * 2.0F;
    return {in[1], twice, twice, transpose(in[0]), slice(twice, 0, 1, 2)};
  });
  for (int round = 0; round < 3; ++round) {
    const auto r = static_cast<float>(round);
    std::vector<array> inputs = {array({1.0F, 2.0F, 3.0F, r}, {2, 2}), array({r}, {1})};
    const std::vector<array> out = f(inputs);
    EXPECT_EQ(values(out[0]), std::vector<float>{r});
    EXPECT_EQ(values(out[1]), (std::vector<float>{2, 4, 6, 2 * r}));
    EXPECT_EQ(values(out[2]), values(out[1]));
    EXPECT_EQ(values(out[3]), (std::vector<float>{1, 3, 2, r}));
    EXPECT_EQ(values(out[4]), (std::vector<float>{6, 2 * r}));
  }
}

TEST(Compiled, UnusedInputsAndStridedInputs) {
  Compiled f([](const std::vector<array>& in) -> std::vector<array> { return {in[1] + 1.0F}; }, 0);
  for (int round = 0; round < 3; ++round) {
    const array grid({1.0F, 2.0F, 3.0F, 4.0F}, {2, 2});
    std::vector<array> inputs = {array({7.0F}, {1}), transpose(grid)};
    EXPECT_EQ(values(f(inputs)[0]), (std::vector<float>{2, 4, 3, 5}));
    EXPECT_EQ(values(grid), (std::vector<float>{1, 2, 3, 4}));
  }
}

TEST(Compiled, ErrorsOfTheFunctionLeaveTheInputsWhole) {
  bool fails = true;
  Compiled f(
      [&](const std::vector<array>& in) -> std::vector<array> {
        if (fails) fail(ErrorCode::invalid_argument, "no");
        return {in[0] + 1.0F};
      },
      0);
  std::vector<array> inputs = {array({1.0F, 2.0F}, {2})};
  EXPECT_THROW(f(inputs), Error);
  ASSERT_EQ(inputs.size(), 1U);
  EXPECT_EQ(values(inputs[0]), (std::vector<float>{1, 2}));
  fails = false;
  EXPECT_EQ(values(f(inputs)[0]), (std::vector<float>{2, 3}));
}

TEST(Compiled, ErrorsOfAKernelAreThrownAndTheNextCallIsGood) {
  Compiled f(
      [](const std::vector<array>& in) -> std::vector<array> { return {take(in[0], in[1], 0)}; });
  const array table({5.0F, 6.0F}, {2});
  std::vector<array> good = {table, array({1}, {1})};
  EXPECT_EQ(values(f(good)[0]), std::vector<float>{6});
  std::vector<array> bad = {table, array({9}, {1})};
  EXPECT_THROW(f(bad), Error);
  EXPECT_EQ(values(f(good)[0]), std::vector<float>{6});
}

TEST(Compiled, KeepsNoMemoryOfItsArguments) {
  const size_t before = memory::stats().active;
  constexpr int64_t large = 1 << 20;
  Compiled f(accumulate, 1);
  {
    std::vector<array> inputs = {array(std::vector<float>(large, 1.0F), {large}),
                                 array(std::vector<float>(large, 1.0F), {large})};
    eval(f(inputs));
  }
  EXPECT_LT(memory::stats().active - before, size_t{1} << 20);
}

}  // namespace
}  // namespace tarn
