#include "tarn/quant/codec_palette.h"

#include <algorithm>
#include <limits>

#include "tarn/base/error.h"
#include "tarn/quant/palette.h"

namespace tarn::quant {
namespace {

// Activations of a row are quantized by groups of so many.
constexpr size_t row_group = 64;
// More rows than a matrix has.
constexpr size_t all_rows = std::numeric_limits<int32_t>::max();

class PaletteCodec final : public Codec {
 public:
  explicit PaletteCodec(const Format& format) : format_(format) {}

  Format format() const override { return format_; }

  void check(size_t rows, size_t columns) const override {
    if (const std::string why = misfit(columns); !why.empty()) {
      fail(ErrorCode::invalid_argument, "{}: {}; take another format", format_text(format_), why);
    }
    packed_size(panel_format(), rows, columns);
  }

  std::string misfit(size_t columns) const override {
    if (columns % row_group == 0) return {};
    return fmt::format("{} inputs do not fill groups of {}", columns, row_group);
  }

  size_t columns_of(size_t part_columns) const override {
    const auto bits = static_cast<size_t>(format_.bits);
    return part_columns % bits == 0 ? part_columns / bits * 32 : 0;
  }

  size_t piece_rows() const override { return format_.whole ? 0 : panel_rows; }

  std::vector<Part> parts(size_t rows, size_t columns) const override {
    return {
        {"weight", PartType::u32, rows, words(columns)},
        {"tables", PartType::f16, tables(rows), entries(), format_.whole ? all_rows : panel_rows}};
  }

  PanelFormat panel_format() const override {
    return {.bits = format_.bits,
            .group_size = static_cast<int>(row_group),
            .scale_type = ScaleType::f32,
            .scales = ScaleKind::row,
            .bias = BiasKind::offset,
            .values = CodeValues::table_f16};
  }

  void encode(size_t rows, size_t columns, const float* weights, const float* importance,
              size_t first_row, size_t last_row, std::span<std::byte* const> parts) const override {
    const size_t step = format_.whole ? rows : panel_rows;
    std::vector<uint8_t> codes;
    for (size_t row = first_row; row < last_row; row += step) {
      const size_t count = std::min(step, last_row - row);
      codes.resize(count * columns);
      palette_encode(format_, count, columns, weights + (row - first_row) * columns, importance,
                     codes.data(), reinterpret_cast<float16*>(parts[1]) + table_at(row));
      for (size_t i = 0; i < count; ++i) {
        pack_codes(format_.bits, columns, codes.data() + i * columns,
                   reinterpret_cast<uint32_t*>(parts[0]) + (row + i) * words(columns));
      }
    }
  }

  void decode(size_t /*rows*/, size_t columns, std::span<const std::byte* const> parts,
              size_t first_row, size_t last_row, float* out) const override {
    std::vector<uint8_t> codes(columns);
    for (size_t row = first_row; row < last_row; ++row) {
      unpack(columns, parts, row, codes.data());
      const auto* table = reinterpret_cast<const float16*>(parts[1]) + table_at(row);
      for (const uint8_t code : codes) *out++ = to_float(table[code]);
    }
  }

  void pack(size_t rows, size_t columns, std::span<const std::byte* const> parts, std::byte* panels,
            size_t first_panel, size_t last_panel) const override {
    const PanelFormat format = panel_format();
    const size_t stride = panel_stride(format, columns);
    const std::vector<float> ones(panel_rows, 1.0F);
    std::vector<uint8_t> codes(panel_rows * columns);
    for (size_t panel = first_panel; panel < last_panel; ++panel) {
      const size_t first = panel * panel_rows;
      const size_t count = std::min<size_t>(panel_rows, rows - first);
      for (size_t i = 0; i < count; ++i) unpack(columns, parts, first + i, &codes[i * columns]);
      PanelRows from{count, codes.data()};
      from.scales = ones.data();
      from.table = reinterpret_cast<const float16*>(parts[1]) + table_at(first);
      pack_panel(format, columns, from, panels + panel * stride);
    }
  }

 private:
  size_t entries() const { return size_t{1} << format_.bits; }
  size_t words(size_t columns) const { return packed_words(columns, format_.bits); }
  size_t tables(size_t rows) const { return format_.whole ? 1 : panel_count(rows); }
  size_t table_at(size_t row) const { return format_.whole ? 0 : row / panel_rows * entries(); }
  void unpack(size_t columns, std::span<const std::byte* const> parts, size_t row,
              uint8_t* codes) const {
    unpack_codes(format_.bits, columns,
                 reinterpret_cast<const uint32_t*>(parts[0]) + row * words(columns), codes);
  }
  Format format_;
};

}  // namespace

std::shared_ptr<const Codec> make_palette_codec(const Format& format) {
  return std::make_shared<PaletteCodec>(format);
}

}  // namespace tarn::quant
