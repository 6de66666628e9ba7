#include "tarn/quant/codec_fp8.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "tarn/base/half.h"
#include "tests/support/errors.h"

namespace tarn::quant {
namespace {

struct Case {
  Fp8Blocks blocks;
  int group;
  size_t rows, columns;
};

class Fp8 : public ::testing::TestWithParam<Case> {
 protected:
  // What the published formula says: each weight times its block's scale.
  static float expected(const Case& c, const std::vector<float8_e4m3>& weights,
                        const std::vector<float>& scales, size_t row, size_t column) {
    const size_t wide =
        c.blocks.columns == 0 ? 1 : (c.columns + c.blocks.columns - 1) / c.blocks.columns;
    const size_t down = c.blocks.rows == 0 ? 0 : row / c.blocks.rows;
    const size_t across = c.blocks.columns == 0 ? 0 : column / c.blocks.columns;
    return to_float(weights[row * c.columns + column]) * scales[down * wide + across];
  }
};

TEST_P(Fp8, ReadsWeightsTimesTheScaleOfTheirBlock) {
  const Case c = GetParam();
  const auto codec = make_fp8_codec(c.blocks, ScaleType::f32, c.group);
  const std::vector<Part> parts = codec->parts(c.rows, c.columns);
  std::vector<float8_e4m3> weights(parts[0].bytes());
  std::vector<float> scales(parts[1].bytes() / sizeof(float));
  for (size_t i = 0; i < weights.size(); ++i) {
    weights[i] = {static_cast<uint8_t>(i * 37 % 127 | (i % 3 == 0 ? 128 : 0))};
  }
  for (size_t i = 0; i < scales.size(); ++i) scales[i] = 0.1F * static_cast<float>(i + 1);
  const std::vector<const std::byte*> data{reinterpret_cast<const std::byte*>(weights.data()),
                                           reinterpret_cast<const std::byte*>(scales.data())};

  std::vector<float> out(weights.size());
  codec->decode(c.rows, c.columns, data, 0, c.rows, out.data());
  const size_t bytes = packed_size(codec->panel_format(), c.rows, c.columns);
  auto* panels = static_cast<std::byte*>(::operator new (bytes, std::align_val_t{64}));
  codec->pack(c.rows, c.columns, data, panels, 0, panel_count(c.rows));
  std::vector<float> row(c.columns);
  for (size_t r = 0; r < c.rows; ++r) {
    unpack_row(codec->panel_format(), c.columns, panels, r, row.data());
    for (size_t i = 0; i < c.columns; ++i) {
      const float value = expected(c, weights, scales, r, i);
      ASSERT_EQ(out[r * c.columns + i], value) << r << ", " << i;
      ASSERT_EQ(row[i], value) << r << ", " << i;
    }
  }
  ::operator delete (panels, std::align_val_t{64});
}

// Eight bits with three of mantissa: half a step of the mantissa beside each value, or of the least
// subnormal beside the block's largest.
TEST_P(Fp8, WritesEachWeightToWithinHalfAStep) {
  const Case c = GetParam();
  const auto codec = make_fp8_codec(c.blocks, ScaleType::f32, c.group);
  std::vector<float> weights(c.rows * c.columns);
  for (size_t i = 0; i < weights.size(); ++i) {
    weights[i] = std::sin(static_cast<float>(i)) * static_cast<float>(1 + i % 5);
  }
  std::vector<std::vector<std::byte>> stored;
  std::vector<std::byte*> to;
  std::vector<const std::byte*> from;
  for (const Part& part : codec->parts(c.rows, c.columns)) stored.emplace_back(part.bytes());
  for (auto& part : stored) {
    to.push_back(part.data());
    from.push_back(part.data());
  }
  codec->encode(c.rows, c.columns, weights.data(), nullptr, 0, c.rows, to);
  std::vector<float> out(weights.size());
  codec->decode(c.rows, c.columns, from, 0, c.rows, out.data());
  for (size_t i = 0; i < weights.size(); ++i) {
    ASSERT_NEAR(out[i], weights[i], std::abs(weights[i]) / 16 + 5.0F / 448 / 512) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Layouts, Fp8,
    ::testing::Values(Case{{128, 128}, 128, 200, 256}, Case{{128, 128}, 64, 130, 192},
                      Case{{128, 128}, 32, 128, 32}, Case{{32, 32}, 32, 33, 96},
                      Case{{1, 0}, 64, 17, 128}, Case{{0, 0}, 32, 40, 96}, Case{{0, 0}, 64, 1, 64}),
    [](const auto& layout) {
      const Case& c = layout.param;
      return fmt::format("{}x{}_of_{}x{}", c.blocks.rows, c.blocks.columns, c.rows, c.columns);
    });

TEST(Fp8Codec, AMatrixOfZerosStaysOne) {
  const auto codec = make_fp8_codec({}, ScaleType::bf16, 128);
  const std::vector<float> weights(128 * 128);
  std::vector<std::byte> codes(weights.size()), scales(2);
  std::vector<std::byte*> to{codes.data(), scales.data()};
  codec->encode(128, 128, weights.data(), nullptr, 0, 128, to);
  std::vector<float> out(weights.size(), 1);
  const std::vector<const std::byte*> from{codes.data(), scales.data()};
  codec->decode(128, 128, from, 0, 128, out.data());
  EXPECT_EQ(out, weights);
}

TEST(Fp8Codec, RefusesWhatPanelsDoNotHave) {
  EXPECT_THAT(error_of([] {
                make_fp8_codec({100, 128}, ScaleType::f32, 128);
              }),
              ::testing::HasSubstr("blocks of 100 rows"));
  EXPECT_THAT(error_of([] {
                make_fp8_codec({128, 96}, ScaleType::f32, 48);
              }),
              ::testing::HasSubstr("groups of 48"));
  EXPECT_THAT(error_of([] { make_fp8_codec({}, ScaleType::f32, 128)->check(16, 100); }),
              ::testing::HasSubstr("100 inputs do not fill groups of 128"));
  EXPECT_EQ(error_of([] { make_fp8_codec({}, ScaleType::f32, 0)->check(16, 100); }), "no error");
}

}  // namespace
}  // namespace tarn::quant
