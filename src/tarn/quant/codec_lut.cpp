#include "tarn/quant/codec_lut.h"

#include <algorithm>
#include <cstring>

#include "tarn/base/error.h"

namespace tarn::quant {
namespace {

// Activations of a row are quantized by groups of so many, where the format has no groups.
constexpr size_t row_group = 64;

class LutCodec final : public Codec {
 public:
  explicit LutCodec(const LutFormat& format) : lut_(format) {}

  Format format() const override { return lut_format(lut_.bits, lut_.group_size); }

  void check(size_t rows, size_t columns) const override {
    if (const std::string why = misfit(columns); !why.empty()) {
      fail(ErrorCode::invalid_argument, "{}: {}; take another format", format_text(format()), why);
    }
    packed_size(panel_format(), rows, columns);
  }

  std::string misfit(size_t columns) const override {
    if (columns % unit() == 0) return {};
    return fmt::format("{} inputs do not fill groups of {}", columns, unit());
  }

  size_t columns_of(size_t part_columns) const override {
    const auto bits = static_cast<size_t>(lut_.bits);
    return part_columns % bits == 0 ? part_columns / bits * 32 : 0;
  }

  std::vector<Part> parts(size_t rows, size_t columns) const override {
    std::vector<Part> parts = {{"weight", PartType::u32, rows, packed_words(columns, lut_.bits)},
                               {"tables", PartType::i8, panel_count(rows), entries(), lut_rows},
                               {"scales", by_group() ? PartType::f16 : PartType::f32, rows,
                                by_group() ? columns / unit() : 0}};
    return parts;
  }

  PanelFormat panel_format() const override {
    return {.bits = lut_.bits,
            .group_size = static_cast<int>(unit()),
            .scale_type = by_group() ? ScaleType::f16 : ScaleType::f32,
            .scales = by_group() ? ScaleKind::group : ScaleKind::row,
            .bias = BiasKind::offset,
            .values = CodeValues::table_i8,
            .multiplier = 1 / lut_unit};
  }

  void encode(size_t /*rows*/, size_t columns, const float* weights, const float* importance,
              size_t first_row, size_t last_row, std::span<std::byte* const> parts) const override {
    std::vector<uint8_t> codes(lut_rows * columns);
    for (size_t row = first_row; row < last_row; row += lut_rows) {
      const size_t count = std::min(lut_rows, last_row - row);
      lut_encode(lut_, count, columns, weights + (row - first_row) * columns, importance,
                 codes.data(), reinterpret_cast<int8_t*>(parts[1]) + row / lut_rows * entries(),
                 parts[2] + row * scale_bytes(columns));
      for (size_t i = 0; i < count; ++i) {
        pack_codes(
            lut_.bits, columns, codes.data() + i * columns,
            reinterpret_cast<uint32_t*>(parts[0]) + (row + i) * packed_words(columns, lut_.bits));
      }
    }
  }

  int free_code_bits() const override { return lut_.bits; }

  void set_codes(size_t /*rows*/, size_t columns, std::span<std::byte* const> parts, size_t row,
                 const uint8_t* codes) const override {
    const size_t words = packed_words(columns, lut_.bits);
    pack_codes(lut_.bits, columns, codes, reinterpret_cast<uint32_t*>(parts[0]) + row * words);
  }

  void decode(size_t /*rows*/, size_t columns, std::span<const std::byte* const> parts,
              size_t first_row, size_t last_row, float* out) const override {
    std::vector<uint8_t> codes(columns);
    for (size_t row = first_row; row < last_row; ++row) {
      unpack(columns, parts, row, codes.data());
      const auto* table = reinterpret_cast<const int8_t*>(parts[1]) + row / lut_rows * entries();
      const std::byte* scales = parts[2] + row * scale_bytes(columns);
      for (size_t i = 0; i < columns; ++i) {
        *out++ = static_cast<float>(table[codes[i]]) * scale_at(scales, i);
      }
    }
  }

  void pack(size_t rows, size_t columns, std::span<const std::byte* const> parts, std::byte* panels,
            size_t first_panel, size_t last_panel) const override {
    const PanelFormat format = panel_format();
    const size_t stride = panel_stride(format, columns);
    std::vector<uint8_t> codes(panel_rows * columns);
    for (size_t panel = first_panel; panel < last_panel; ++panel) {
      const size_t first = panel * panel_rows;
      const size_t count = std::min<size_t>(panel_rows, rows - first);
      for (size_t i = 0; i < count; ++i) unpack(columns, parts, first + i, &codes[i * columns]);
      PanelRows from{count, codes.data()};
      from.scales = parts[2] + first * scale_bytes(columns);
      from.table = reinterpret_cast<const int8_t*>(parts[1]) + panel * entries();
      pack_panel(format, columns, from, panels + panel * stride);
    }
  }

 private:
  bool by_group() const { return lut_.group_size != 0; }
  size_t unit() const { return by_group() ? static_cast<size_t>(lut_.group_size) : row_group; }
  size_t entries() const { return size_t{1} << lut_.bits; }
  size_t scale_bytes(size_t columns) const {
    return by_group() ? columns / unit() * sizeof(float16) : sizeof(float);
  }
  float scale_at(const std::byte* scales, size_t input) const {
    float scale = 0;
    if (by_group()) {
      float16 half;
      std::memcpy(&half, scales + input / unit() * sizeof(half), sizeof(half));
      scale = to_float(half);
    } else {
      std::memcpy(&scale, scales, sizeof(scale));
    }
    return scale / lut_unit;
  }
  void unpack(size_t columns, std::span<const std::byte* const> parts, size_t row,
              uint8_t* codes) const {
    unpack_codes(
        lut_.bits, columns,
        reinterpret_cast<const uint32_t*>(parts[0]) + row * packed_words(columns, lut_.bits),
        codes);
  }
  LutFormat lut_;
};

}  // namespace

std::shared_ptr<const Codec> make_lut_codec(const LutFormat& format) {
  return std::make_shared<LutCodec>(format);
}

}  // namespace tarn::quant
