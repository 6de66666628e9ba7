#include "tarn/quant/codec_block_float.h"

#include <algorithm>
#include <optional>

#include "tarn/base/error.h"
#include "tarn/quant/block_float.h"
#include "tarn/quant/ggml_blocks.h"

namespace tarn::quant {
namespace {

class BlockFloatCodec final : public Codec {
 public:
  explicit BlockFloatCodec(FormatMode mode) : format_(float_format(mode)) {}
  explicit BlockFloatCodec(const PublishedNvfp4& storage)
      : format_(float_format(FormatMode::nvfp4)), published_(storage) {}

  Format format() const override { return format_; }

  void check(size_t rows, size_t columns) const override {
    if (const std::string why = misfit(columns); !why.empty()) {
      fail(ErrorCode::invalid_argument, "{}: {}; take another format", format_text(format_), why);
    }
    packed_size(panel_format(), rows, columns);
  }

  std::string misfit(size_t columns) const override {
    const size_t unit = std::max<size_t>(group(), block_inputs);
    if (columns % unit == 0) return {};
    return fmt::format("{} inputs do not fill groups of {}", columns, unit);
  }

  size_t columns_of(size_t part_columns) const override {
    return part_columns * (published_ ? 8 : 32) / static_cast<size_t>(format_.bits);
  }

  std::vector<Part> parts(size_t rows, size_t columns) const override {
    if (published_) {
      return {{published_->codes, PartType::u8, rows, columns / 2},
              {published_->scales, PartType::f8_e4m3, rows, columns / group()}};
    }
    return {{"weight", PartType::u32, rows, packed_words(columns, format_.bits)},
            {"scales", PartType::u8, rows, columns / group()}};
  }

  // Codes of 4 bits stand for doubled values in a table of bytes, those of 8 for themselves.
  PanelFormat panel_format() const override {
    if (format_.mode == FormatMode::mxfp8) {
      return {.bits = 8,
              .group_size = format_.group_size,
              .scale_type = ScaleType::e8m0,
              .bias = BiasKind::offset,
              .values = CodeValues::e4m3};
    }
    PanelFormat format =
        ggml_panel_format(format_.mode == FormatMode::mxfp4 ? GgmlType::mxfp4 : GgmlType::nvfp4);
    format.multiplier *= tensor_scale();
    return format;
  }

  void encode(size_t /*rows*/, size_t columns, const float* weights, const float* /*importance*/,
              size_t first_row, size_t last_row, std::span<std::byte* const> parts) const override {
    block_float_encode(
        format_.mode, last_row - first_row, columns, weights, tensor_scale(),
        reinterpret_cast<uint32_t*>(parts[0]) + first_row * packed_words(columns, format_.bits),
        reinterpret_cast<uint8_t*>(parts[1]) + first_row * (columns / group()));
  }

  void decode(size_t /*rows*/, size_t columns, std::span<const std::byte* const> parts,
              size_t first_row, size_t last_row, float* out) const override {
    block_float_decode(format_.mode, last_row - first_row, columns,
                       codes(parts, columns, first_row), scales(parts, columns, first_row),
                       tensor_scale(), out);
  }

  void pack(size_t rows, size_t columns, std::span<const std::byte* const> parts, std::byte* panels,
            size_t first_panel, size_t last_panel) const override {
    const PanelFormat format = panel_format();
    const size_t stride = panel_stride(format, columns);
    std::vector<uint8_t> unpacked(panel_rows * columns);
    for (size_t panel = first_panel; panel < last_panel; ++panel) {
      const size_t first = panel * panel_rows;
      const size_t count = std::min<size_t>(panel_rows, rows - first);
      for (size_t i = 0; i < count; ++i) {
        unpack_codes(format_.bits, columns, codes(parts, columns, first + i),
                     unpacked.data() + i * columns);
      }
      PanelRows from{count, unpacked.data()};
      from.scales = scales(parts, columns, first);
      if (format.values == CodeValues::table_i8) {
        from.table = ggml_table(GgmlType::mxfp4).data();
      }
      pack_panel(format, columns, from, panels + panel * stride);
    }
  }

 private:
  float tensor_scale() const { return published_ ? published_->tensor_scale : 1; }
  size_t group() const { return static_cast<size_t>(format_.group_size); }
  const uint32_t* codes(std::span<const std::byte* const> parts, size_t columns, size_t row) const {
    return reinterpret_cast<const uint32_t*>(parts[0]) + row * packed_words(columns, format_.bits);
  }
  const uint8_t* scales(std::span<const std::byte* const> parts, size_t columns, size_t row) const {
    return reinterpret_cast<const uint8_t*>(parts[1]) + row * (columns / group());
  }
  Format format_;
  std::optional<PublishedNvfp4> published_;
};

}  // namespace

std::shared_ptr<const Codec> make_nvfp4_codec(const PublishedNvfp4& storage) {
  return std::make_shared<BlockFloatCodec>(storage);
}

std::shared_ptr<const Codec> make_block_float_codec(FormatMode mode) {
  return std::make_shared<BlockFloatCodec>(mode);
}

}  // namespace tarn::quant
