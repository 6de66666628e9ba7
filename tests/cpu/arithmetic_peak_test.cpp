#include "tarn/cpu/arithmetic_peak.h"

#include <gtest/gtest.h>

#include "tarn/base/error.h"

namespace tarn::cpu {
namespace {

// Bounds for any processor of the last and the next decade, sanitizers included.
constexpr double slowest = 1e6;
constexpr double fastest = 1e13;  // of one thread

TEST(ArithmeticPeak, EveryInstructionSetHasOne) {
  for (const Isa isa : available_isas()) {
    const ArithmeticPeak peak = measure_arithmetic_peak(isa, 1, 0.001);
    EXPECT_GT(peak.int8_dot, slowest) << name(isa);
    EXPECT_LT(peak.int8_dot, fastest) << name(isa);
    EXPECT_GT(peak.f32_fma, slowest) << name(isa);
    EXPECT_LT(peak.f32_fma, fastest) << name(isa);
    EXPECT_EQ(peak.bf16_dot > 0, isa == Isa::avx512bf16) << name(isa);
  }
}

// 64 products an instruction against 8 of float32 with AVX2: far apart in spite of noise.
TEST(ArithmeticPeak, WideIntegersBeatFloats) {
  if (best_isa() < Isa::avx512) GTEST_SKIP() << "this processor has no AVX-512";
  EXPECT_GT(int8_dot_rate(Isa::avx512), f32_fma_rate(Isa::avx2));
}

TEST(ArithmeticPeak, NeedsAThread) {
  EXPECT_THROW(measure_arithmetic_peak(Isa::portable, 0, 0.001), Error);
}

}  // namespace
}  // namespace tarn::cpu
