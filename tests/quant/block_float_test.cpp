#include "tarn/quant/block_float.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "tarn/base/error.h"
#include "tarn/io/safetensors.h"

namespace tarn::quant {
namespace {

using ::testing::HasSubstr;

// All of the file is mlx.core's work (tests/data/quant/make_block_floats.py).
const SafetensorsFile& oracle() {
  static const SafetensorsFile file =
      SafetensorsFile::open(TARN_TEST_DATA "/quant/block_floats.safetensors");
  return file;
}

template <typename T>
std::vector<T> tensor(const std::string& name) {
  const auto& bytes = oracle().tensor(name).bytes;
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

// Equal bit for bit, but for the sign and payload of NaN.
void expect_same(const std::vector<float>& got, const std::vector<float>& wanted) {
  ASSERT_EQ(got.size(), wanted.size());
  for (size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(wanted[i])) {
      EXPECT_TRUE(std::isnan(got[i])) << i;
    } else {
      ASSERT_EQ(std::bit_cast<uint32_t>(got[i]), std::bit_cast<uint32_t>(wanted[i])) << i;
    }
  }
}

struct Mode {
  const char* name;
  FormatMode mode;
  size_t bits;
  size_t group;
};

class BlockFloat : public ::testing::TestWithParam<Mode> {
 protected:
  static constexpr size_t columns = 64;
  const std::string name = GetParam().name;
  const FormatMode mode = GetParam().mode;
  const size_t words = columns * GetParam().bits / 32;
  const size_t groups = columns / GetParam().group;
};

TEST_P(BlockFloat, EncodesAsMlx) {
  std::vector<float> values = tensor<float>("weights");
  if (mode == FormatMode::nvfp4) {
    for (float& x : values) x = std::min(2600.0F, std::max(-2600.0F, x));
  }
  const size_t rows = values.size() / columns;
  std::vector<uint32_t> codes(rows * words);
  std::vector<uint8_t> scales(rows * groups);
  block_float_encode(mode, rows, columns, values.data(), 1, codes.data(), scales.data());
  EXPECT_EQ(scales, tensor<uint8_t>(name + ".scales"));
  EXPECT_EQ(codes, tensor<uint32_t>(name + ".codes"));
}

TEST_P(BlockFloat, DecodesAnyBitsAsMlx) {
  const auto codes = tensor<uint32_t>(name + ".random.codes");
  const auto scales = tensor<uint8_t>(name + ".random.scales");
  std::vector<float> values(codes.size() / words * columns);
  block_float_decode(mode, codes.size() / words, columns, codes.data(), scales.data(), 1,
                     values.data());
  expect_same(values, tensor<float>(name + ".random.values"));
}

// What MLX wraps around comes back near to what it was.
TEST_P(BlockFloat, KeepsTheLeastAndTheLargest) {
  const float largest = mode == FormatMode::nvfp4 ? 1e9F : 2.5e38F;
  for (const float x : {0.0F, 1e-45F, 1e-40F, -3e-39F, 1e-38F, largest}) {
    const std::vector<float> values(columns, x);
    std::vector<uint32_t> codes(words);
    std::vector<uint8_t> scales(groups);
    block_float_encode(mode, 1, columns, values.data(), 1, codes.data(), scales.data());
    std::vector<float> back(columns);
    block_float_decode(mode, 1, columns, codes.data(), scales.data(), 1, back.data());
    const float wanted = mode == FormatMode::nvfp4 ? std::min(x, 2688.0F) : x;
    // Steps end at half of 2^-127 (mxfp4), 2^-136 (mxfp8) or 2^-10 (nvfp4); a code of 4 bits is
    // within a quarter of its value.
    const float least = mode == FormatMode::nvfp4 ? 0x1p-10F : 0x1p-128F;
    for (const float y : back) EXPECT_LE(std::abs(y - wanted), std::abs(wanted) / 4 + least) << x;
  }
}

TEST_P(BlockFloat, NamesWhatItCannotStore) {
  std::vector<float> values(2 * columns, 1);
  std::vector<uint32_t> codes(2 * words);
  std::vector<uint8_t> scales(2 * groups);
  const auto encode = [&](size_t count, float tensor_scale) {
    block_float_encode(mode, 2, count, values.data(), tensor_scale, codes.data(), scales.data());
  };
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    values[columns + 5] = bad;
    EXPECT_THAT([&] { encode(columns, 1); },
                ::testing::ThrowsMessage<Error>(HasSubstr("row 1, column 5")));
  }
  EXPECT_THAT([&] { encode(columns - 8, 1); },
              ::testing::ThrowsMessage<Error>(HasSubstr("56 columns do not fill groups")));
  EXPECT_THROW(encode(columns, 0), Error);
  EXPECT_THROW(encode(columns, NAN), Error);
  if (mode != FormatMode::nvfp4) {
    values[columns + 5] = 0;
    EXPECT_THROW(encode(columns, 2), Error);
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, BlockFloat,
                         ::testing::Values(Mode{"mxfp4", FormatMode::mxfp4, 4, 32},
                                           Mode{"mxfp8", FormatMode::mxfp8, 8, 32},
                                           Mode{"nvfp4", FormatMode::nvfp4, 4, 16}),
                         [](const auto& mode) { return std::string(mode.param.name); });

TEST(BlockFloats, ScaleTheWholeTensorAsMlx) {
  const auto values = tensor<float>("scaled.weights");
  const float scale = tensor<float>("scaled.scale")[0];
  std::vector<uint32_t> codes(values.size() / 8);
  std::vector<uint8_t> scales(values.size() / 16);
  block_float_encode(FormatMode::nvfp4, values.size() / 64, 64, values.data(), scale, codes.data(),
                     scales.data());
  EXPECT_EQ(scales, tensor<uint8_t>("scaled.scales"));
  EXPECT_EQ(codes, tensor<uint32_t>("scaled.codes"));
  std::vector<float> back(values.size());
  block_float_decode(FormatMode::nvfp4, values.size() / 64, 64, codes.data(), scales.data(), scale,
                     back.data());
  expect_same(back, tensor<float>("scaled.values"));
}

TEST(BlockFloats, RefuseOtherModes) {
  float value = 0;
  uint32_t code = 0;
  uint8_t scale = 0;
  EXPECT_THROW(block_float_encode(FormatMode::affine, 1, 0, &value, 1, &code, &scale), Error);
  EXPECT_THROW(block_float_decode(FormatMode::ggml, 1, 0, &code, &scale, 1, &value), Error);
}

TEST(SmallFloats, RoundAsMlx) {
  const auto floats = tensor<float>("e4m3.floats");
  const auto bits = tensor<uint8_t>("e4m3.bits");
  for (size_t i = 0; i < floats.size(); ++i) {
    ASSERT_EQ(to_float8_e4m3(floats[i]).bits, bits[i]) << floats[i];
  }
}

// Every number comes back to itself, and what lies between two goes to the nearest.
TEST(SmallFloats, ComeBack) {
  for (unsigned i = 0; i < 256; ++i) {
    const auto bits = static_cast<uint8_t>(i);
    const float e4m3 = to_float(float8_e4m3{bits});
    EXPECT_EQ(to_float8_e4m3(e4m3).bits & 0x7f, bits & 0x7f) << i;
    const float e5m2 = e5m2_to_float(bits);
    if (std::isnan(e5m2)) {
      EXPECT_TRUE(std::isnan(e5m2_to_float(to_e5m2(e5m2))));
      continue;
    }
    EXPECT_EQ(to_e5m2(e5m2), bits) << i;
    const float next = e5m2_to_float(static_cast<uint8_t>(i + 1));
    if (i % 128 >= 123) continue;  // infinity is next
    const float middle = e5m2 + (next - e5m2) / 2;
    EXPECT_EQ(to_e5m2(middle), i % 2 == 0 ? i : i + 1) << "ties go to even, " << i;
    EXPECT_EQ(to_e5m2(std::nextafter(middle, next)), i + 1);
    EXPECT_EQ(to_e5m2(std::nextafter(middle, e5m2)), i);
  }
  EXPECT_EQ(to_e5m2(61439.0F), 0x7b);
  EXPECT_EQ(to_e5m2(61440.0F), 0x7c);
  for (uint8_t code = 0; code < 16; ++code) {
    EXPECT_EQ(to_e2m1(e2m1_to_float(code)), code == 8 ? 0 : code);
  }
  EXPECT_EQ(to_e2m1(100), 7);
  EXPECT_EQ(to_e2m1(-0.25F), 0);
  EXPECT_EQ(to_e2m1(-2.5F), 12);
  EXPECT_EQ(e8m0_to_float(0), 0x1p-127F);
  EXPECT_EQ(e8m0_to_float(254), 0x1p127F);
}

}  // namespace
}  // namespace tarn::quant
