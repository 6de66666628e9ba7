#include "tarn/quant/panel.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <new>
#include <random>
#include <string>
#include <vector>

#include "tarn/base/error.h"

namespace tarn::quant {
namespace {

struct Aligned {
  explicit Aligned(size_t size)
      : bytes(static_cast<std::byte*>(::operator new (size, std::align_val_t{panel_alignment}))) {
    std::memset(bytes, 0xee, size);
  }
  ~Aligned() { ::operator delete (bytes, std::align_val_t{panel_alignment}); }
  Aligned(const Aligned&) = delete;
  Aligned& operator=(const Aligned&) = delete;
  std::byte* bytes;
};

template <typename Scale>
constexpr ScaleType scale_type() {
  if constexpr (std::is_same_v<Scale, float16>) return ScaleType::f16;
  if constexpr (std::is_same_v<Scale, bfloat16>) return ScaleType::bf16;
  return ScaleType::f32;
}

// Every row that comes out of the panels is bit for bit what affine_decode makes of the matrix.
template <typename Scale>
void round_trip(int bits, int group_size, size_t rows, size_t inputs) {
  SCOPED_TRACE(fmt::format("{} bits, groups of {}, scale type {}, [{}, {}]", bits, group_size,
                           static_cast<int>(scale_type<Scale>()), rows, inputs));
  std::mt19937 random(static_cast<uint32_t>(bits * 1000 + group_size));
  std::vector<uint32_t> codes(rows * packed_words(inputs, bits));
  for (auto& word : codes) word = static_cast<uint32_t>(random());
  const size_t groups = inputs / static_cast<size_t>(group_size);
  std::normal_distribution<float> normal;
  std::vector<Scale> scales(rows * groups), biases(rows * groups);
  for (auto& x : scales) x = from_float<Scale>(normal(random));
  for (auto& x : biases) x = from_float<Scale>(normal(random));
  std::vector<float> expected(rows * inputs);
  affine_decode({bits, group_size}, rows, inputs, codes.data(), scales.data(), biases.data(),
                expected.data());

  const PanelFormat format{bits, group_size, scale_type<Scale>()};
  const size_t size = packed_size(format, rows, inputs);
  ASSERT_EQ(size, panel_count(rows) * panel_stride(format, inputs));
  Aligned panels(size), in_parts(size);
  const size_t count = panel_count(rows);
  pack_affine(format, rows, inputs, codes.data(), scales.data(), biases.data(), panels.bytes, 0,
              count);
  for (size_t i = count; i-- > 0;) {
    pack_affine(format, rows, inputs, codes.data(), scales.data(), biases.data(), in_parts.bytes, i,
                i + 1);
  }
  EXPECT_EQ(std::memcmp(panels.bytes, in_parts.bytes, size), 0);

  std::vector<float> row(inputs);
  for (size_t i = 0; i < rows; ++i) {
    unpack_row(format, inputs, panels.bytes, i, row.data());
    ASSERT_EQ(std::memcmp(row.data(), &expected[i * inputs], inputs * sizeof(float)), 0) << i;
  }
  for (size_t i = rows; i < count * panel_rows; ++i) {
    unpack_row(format, inputs, panels.bytes, i, row.data());
    ASSERT_EQ(row, std::vector<float>(inputs)) << "padding row " << i;
  }
}

TEST(Panel, RoundTrip) {
  for (const int bits : {2, 3, 4, 5, 6, 8}) {
    for (const int group_size : {32, 64, 128}) {
      for (const size_t rows : {1, 15, 16, 17, 100}) {
        for (const size_t groups : {1, 3}) {
          const size_t inputs = groups * static_cast<size_t>(group_size);
          round_trip<float>(bits, group_size, rows, inputs);
          round_trip<float16>(bits, group_size, rows, inputs);
          round_trip<bfloat16>(bits, group_size, rows, inputs);
        }
      }
    }
  }
}

// The layout as the header states it: a file of packed weights must stay readable.
TEST(Panel, LayoutIsFixed) {
  const size_t inputs = 32;
  const PanelFormat format{6, 32, ScaleType::bf16};
  std::vector<uint8_t> codes(16 * inputs);
  for (size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<uint8_t>(i * 37 % 64);
  std::vector<uint32_t> words(16 * packed_words(inputs, 6));
  pack_codes(6, codes.size(), codes.data(), words.data());
  std::vector<bfloat16> scales(16), biases(16);
  for (uint16_t i = 0; i < 16; ++i) {
    scales[i].bits = i;
    biases[i].bits = static_cast<uint16_t>(0x100 + i);
  }
  ASSERT_EQ(panel_stride(format, inputs), 64 + 6 * 64);
  Aligned panels(packed_size(format, 16, inputs));
  pack_affine(format, 16, inputs, words.data(), scales.data(), biases.data(), panels.bytes, 0, 1);
  EXPECT_EQ(std::memcmp(panels.bytes, scales.data(), 32), 0);
  EXPECT_EQ(std::memcmp(panels.bytes + 32, biases.data(), 32), 0);
  const auto* low = reinterpret_cast<const uint8_t*>(panels.bytes + 64);
  const auto* high = low + 4 * 64;
  for (size_t row = 0; row < 16; ++row) {
    for (size_t k = 0; k < inputs; ++k) {
      const size_t tile = k / 4, byte = 4 * row + k % 4;
      const int low_bits = low[tile / 2 * 64 + byte] >> (4 * (tile % 2)) & 15;
      const int high_bits = high[tile / 4 * 64 + byte] >> (2 * (tile % 4)) & 3;
      ASSERT_EQ(low_bits + 16 * high_bits, codes[row * inputs + k]);
    }
  }
}

TEST(Panel, SizesCannotOverflow) {
  const PanelFormat format{4, 64, ScaleType::f16};
  EXPECT_EQ(panel_layout(format, 64).segment, 64U + 512U);
  EXPECT_EQ(packed_size(format, 0, 64), 0U);
  constexpr size_t huge = std::numeric_limits<size_t>::max();
  EXPECT_THROW(packed_size(format, huge, 4096), Error);
  EXPECT_THROW(panel_stride(format, huge / 64 * 64), Error);
  EXPECT_EQ(panel_count(huge), huge / 16 + 1);
}

TEST(Panel, RefusesWhatItCannotDo) {
  EXPECT_THROW(check_panel({7, 64, ScaleType::f16}, 64), Error);
  EXPECT_THROW(check_panel({4, 64, ScaleType::f16}, 32), Error);
  EXPECT_THROW(check_panel({4, 64, static_cast<ScaleType>(9)}, 64), Error);
  const PanelFormat format{8, 32, ScaleType::f32};
  Aligned panels(packed_size(format, 16, 32) + 64);
  std::vector<uint32_t> codes(16 * 8);
  std::vector<float> scales(16);
  EXPECT_THROW(
      pack_affine(format, 16, 32, codes.data(), scales.data(), scales.data(), panels.bytes, 0, 2),
      Error);
  EXPECT_THROW(pack_affine(format, 16, 32, codes.data(), scales.data(), scales.data(),
                           panels.bytes + 8, 0, 1),
               Error);
}

}  // namespace
}  // namespace tarn::quant
