#include "tarn/quant/codec_ggml.h"

#include <algorithm>

#include "tarn/base/error.h"
#include "tarn/quant/ggml_blocks.h"
#include "tarn/quant/ggml_codes.h"
#include "tarn/quant/ggml_encode.h"

namespace tarn::quant {
namespace {

// What a panel's rows are taken apart into; one for each thread and call of pack().
class Workspace {
 public:
  Workspace(const PanelFormat& format, size_t columns)
      : columns_(columns),
        groups_(columns / static_cast<size_t>(format.group_size)),
        supers_(format.scales == ScaleKind::super ? columns / super_inputs : 0),
        scale_bytes_(groups_ * (byte_scales(format) ? 1 : sizeof(float16))),
        codes_(panel_rows * columns),
        scales_(panel_rows * scale_bytes_),
        biases_(panel_rows * scale_bytes_),
        d_(panel_rows * supers_),
        dmin_(panel_rows * supers_) {}

  void unpack(GgmlType type, size_t row, const std::byte* blocks) {
    ggml_unpack_row(type, columns_, blocks,
                    {codes_.data() + row * columns_, scales_.data() + row * scale_bytes_,
                     biases_.data() + row * scale_bytes_, d_.data() + row * supers_,
                     dmin_.data() + row * supers_});
  }

  PanelRows rows(size_t count, const int8_t* table) const {
    return {count, codes_.data(), scales_.data(), biases_.data(), d_.data(), dmin_.data(), table};
  }

 private:
  static bool byte_scales(const PanelFormat& format) {
    return format.scales == ScaleKind::super || format.scale_type >= ScaleType::e8m0;
  }
  size_t columns_;
  size_t groups_;
  size_t supers_;
  size_t scale_bytes_;
  std::vector<uint8_t> codes_;
  std::vector<std::byte> scales_;
  std::vector<std::byte> biases_;
  std::vector<float16> d_;
  std::vector<float16> dmin_;
};

class GgmlCodec final : public Codec {
 public:
  GgmlCodec(GgmlType type, std::shared_ptr<const RowOrder> order)
      : info_(info(type)), panel_(ggml_panel_format(type)), order_(std::move(order)) {}

  Format format() const override { return ggml_format(info_.type); }

  void check(size_t rows, size_t columns) const override {
    if (const std::string why = misfit(columns); !why.empty()) {
      fail(ErrorCode::invalid_argument, "{}: {}; take another format", info_.name, why);
    }
    packed_size(panel_, rows, columns);
  }

  std::string misfit(size_t columns) const override {
    if (columns % info_.block_values == 0) return {};
    return fmt::format("{} inputs do not fill blocks of {}", columns, info_.block_values);
  }

  size_t columns_of(size_t part_columns) const override {
    return part_columns % info_.block_bytes == 0
               ? part_columns / info_.block_bytes * info_.block_values
               : 0;
  }

  std::vector<Part> parts(size_t rows, size_t columns) const override {
    return {{"weight", PartType::u8, rows, row_bytes(columns)}};
  }

  PanelFormat panel_format() const override { return panel_; }

  void encode(size_t /*rows*/, size_t columns, const float* weights, const float* importance,
              size_t first_row, size_t last_row, std::span<std::byte* const> parts) const override {
    for (size_t row = first_row; row < last_row; ++row) {
      ggml_encode_row(info_.type, columns, weights + (row - first_row) * columns, importance,
                      parts[0] + row * row_bytes(columns));
    }
  }

  int free_code_bits() const override { return order_ ? 0 : ggml_free_code_bits(info_.type); }

  void set_codes(size_t /*rows*/, size_t columns, std::span<std::byte* const> parts, size_t row,
                 const uint8_t* codes) const override {
    std::byte* block = parts[0] + row * row_bytes(columns);
    for (size_t i = 0; i < columns; i += info_.block_values) {
      ggml_set_codes(info_.type, codes + i, block);
      block += info_.block_bytes;
    }
  }

  void decode(size_t /*rows*/, size_t columns, std::span<const std::byte* const> parts,
              size_t first_row, size_t last_row, float* out) const override {
    for (size_t row = first_row; row < last_row; ++row) {
      ggml_decode_row(info_.type, columns, stored(parts[0], columns, row), out);
      out += columns;
    }
  }

  void pack(size_t rows, size_t columns, std::span<const std::byte* const> parts, std::byte* panels,
            size_t first_panel, size_t last_panel) const override {
    Workspace workspace(panel_, columns);
    const size_t stride = panel_stride(panel_, columns);
    for (size_t panel = first_panel; panel < last_panel; ++panel) {
      const size_t first = panel * panel_rows;
      const size_t count = std::min<size_t>(panel_rows, rows - first);
      for (size_t i = 0; i < count; ++i) {
        workspace.unpack(info_.type, i, stored(parts[0], columns, first + i));
      }
      pack_panel(panel_, columns, workspace.rows(count, ggml_table(info_.type).data()),
                 panels + panel * stride);
    }
  }

 private:
  size_t row_bytes(size_t columns) const {
    return columns / info_.block_values * info_.block_bytes;
  }
  const std::byte* stored(const std::byte* part, size_t columns, size_t row) const {
    return part + (order_ ? (*order_)[row] : row) * row_bytes(columns);
  }
  GgmlTypeInfo info_;
  PanelFormat panel_;
  std::shared_ptr<const RowOrder> order_;
};

}  // namespace

std::shared_ptr<const Codec> make_ggml_codec(GgmlType type, std::shared_ptr<const RowOrder> order) {
  return std::make_shared<GgmlCodec>(type, std::move(order));
}

}  // namespace tarn::quant
