#include "tarn/base/half.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tarn {
namespace {

TEST(Half, EveryFloat16SurvivesTheRoundTrip) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float16 x{static_cast<uint16_t>(bits)};
    if (std::isnan(to_float(x))) continue;
    ASSERT_EQ(to_float16(to_float(x)).bits, bits);
  }
}

TEST(Half, EveryBfloat16SurvivesTheRoundTrip) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const bfloat16 x{static_cast<uint16_t>(bits)};
    if (std::isnan(to_float(x))) continue;
    ASSERT_EQ(to_bfloat16(to_float(x)).bits, bits);
  }
}

TEST(Half, RoundsToNearestEven) {
  EXPECT_EQ(to_bfloat16(1.0F + 0x1p-8F).bits, 0x3f80);  // tie, even below
  EXPECT_EQ(to_bfloat16(1.0F + 0x3p-8F).bits, 0x3f82);  // tie, even above
  EXPECT_EQ(to_float16(1.0F + 0x1p-11F).bits, 0x3c00);
  EXPECT_EQ(to_float16(1.0F + 0x3p-11F).bits, 0x3c02);
  EXPECT_EQ(to_float16(65520.0F).bits, 0x7c00);
}

TEST(Half, Float8E4m3) {
  EXPECT_EQ(to_float(float8_e4m3{0x7e}), 448.0F);
  EXPECT_EQ(to_float(float8_e4m3{0x01}), 0x1p-9F);
  EXPECT_EQ(to_float(float8_e4m3{0xb8}), -1.0F);
  EXPECT_TRUE(std::isnan(to_float(float8_e4m3{0x7f})));
}

}  // namespace
}  // namespace tarn
