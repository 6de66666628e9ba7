#include "tarn/quant/codec_fp8.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "tarn/base/error.h"
#include "tarn/base/half.h"
#include "tarn/quant/block_float.h"

namespace tarn::quant {
namespace {

constexpr float largest_e4m3 = 448;
// More rows than a matrix has.
constexpr size_t all_rows = std::numeric_limits<int32_t>::max();

class Fp8Codec final : public Codec {
 public:
  Fp8Codec(const Fp8Blocks& blocks, ScaleType scales, int group, std::string_view scale_name)
      : block_rows_(blocks.rows == 0 ? all_rows : blocks.rows),
        block_columns_(blocks.columns),
        scale_type_(scales),
        group_(static_cast<size_t>(group)),
        scale_name_(scale_name) {
    if (block_rows_ != all_rows && block_rows_ != 1 && block_rows_ % panel_rows != 0) {
      fail(ErrorCode::invalid_argument, "fp8: blocks of {} rows: take 1, a multiple of {}, or all",
           block_rows_, panel_rows);
    }
    const bool known = group_ == 32 || group_ == 64 || group_ == 128;
    if (group_ != 0 && (!known || block_columns_ % group_ != 0)) {
      fail(ErrorCode::invalid_argument,
           "fp8: blocks of {} inputs and groups of {}: groups are of 32, 64 or 128 inputs and fill "
           "the blocks",
           block_columns_, group_);
    }
  }

  Format format() const override { return float_format(FormatMode::fp8); }

  void check(size_t rows, size_t columns) const override {
    if (const std::string why = misfit(columns); !why.empty()) {
      fail(ErrorCode::invalid_argument, "fp8: {}; take another format", why);
    }
    if (has_panels()) {
      packed_size(panel_format(), rows, columns);
    } else if (columns > std::numeric_limits<int32_t>::max() / sizeof(float) || rows > all_rows) {
      fail(ErrorCode::invalid_argument, "fp8: a matrix of {} x {} is too large", rows, columns);
    }
  }

  std::string misfit(size_t columns) const override {
    if (!has_panels() || columns % group_ == 0) return {};
    return fmt::format("{} inputs do not fill groups of {}", columns, group_);
  }

  size_t columns_of(size_t part_columns) const override { return part_columns; }

  size_t piece_rows() const override {
    if (block_rows_ == all_rows) return 0;
    return std::max<size_t>(block_rows_, panel_rows);
  }

  std::vector<Part> parts(size_t rows, size_t columns) const override {
    return {{"weight", PartType::f8_e4m3, rows, columns},
            {scale_name_, scale_part(), (rows + block_rows_ - 1) / block_rows_,
             by_row() ? 0 : row_scales(columns), block_rows_}};
  }

  bool has_panels() const override { return group_ != 0; }

  PanelFormat panel_format() const override {
    return {.bits = 8,
            .group_size = static_cast<int>(group_),
            .scale_type = by_row() ? ScaleType::f32 : scale_type_,
            .scales = by_row() ? ScaleKind::row : ScaleKind::group,
            .bias = BiasKind::offset,
            .values = CodeValues::e4m3};
  }

  void encode(size_t rows, size_t columns, const float* weights, const float* /*importance*/,
              size_t first_row, size_t last_row, std::span<std::byte* const> parts) const override {
    for (size_t top = first_row; top < last_row;) {
      const size_t bottom = std::min({(top / block_rows_ + 1) * block_rows_, last_row, rows});
      for (size_t left = 0, block = 0; left < columns; left += width(columns), ++block) {
        const size_t right = std::min(left + width(columns), columns);
        encode_block(columns, weights - first_row * columns, top, bottom, left, right,
                     parts[1] + scale_at(columns, top, block),
                     reinterpret_cast<float8_e4m3*>(parts[0]));
      }
      top = bottom;
    }
  }

  void decode(size_t /*rows*/, size_t columns, std::span<const std::byte* const> parts,
              size_t first_row, size_t last_row, float* out) const override {
    for (size_t row = first_row; row < last_row; ++row) {
      const std::byte* codes = parts[0] + row * columns;
      for (size_t i = 0; i < columns; ++i) {
        *out++ = to_float(float8_e4m3{static_cast<uint8_t>(codes[i])}) *
                 load(parts[1] + scale_at(columns, row, i / width(columns)));
      }
    }
  }

  void pack(size_t rows, size_t columns, std::span<const std::byte* const> parts, std::byte* panels,
            size_t first_panel, size_t last_panel) const override {
    const PanelFormat format = panel_format();
    const size_t stride = panel_stride(format, columns);
    const size_t each = by_row() ? sizeof(float) : columns / group_ * scale_bytes();
    std::vector<std::byte> scales(panel_rows * each);
    for (size_t panel = first_panel; panel < last_panel; ++panel) {
      const size_t first = panel * panel_rows;
      const size_t count = std::min<size_t>(panel_rows, rows - first);
      for (size_t i = 0; i < count; ++i) {
        spread_scales(columns, parts[1], first + i, scales.data() + i * each);
      }
      PanelRows from{count, reinterpret_cast<const uint8_t*>(parts[0]) + first * columns};
      from.scales = scales.data();
      pack_panel(format, columns, from, panels + panel * stride);
    }
  }

 private:
  bool by_row() const { return block_columns_ == 0; }
  size_t width(size_t columns) const { return by_row() ? columns : block_columns_; }
  size_t row_scales(size_t columns) const {
    return by_row() ? 1 : (columns + block_columns_ - 1) / block_columns_;
  }
  PartType scale_part() const {
    if (scale_type_ == ScaleType::f16) return PartType::f16;
    return scale_type_ == ScaleType::bf16 ? PartType::bf16 : PartType::f32;
  }
  size_t scale_bytes() const { return part_type_bytes(scale_part()); }
  // The byte at which the scale of a row's block stands.
  size_t scale_at(size_t columns, size_t row, size_t block) const {
    return (row / block_rows_ * row_scales(columns) + block) * scale_bytes();
  }

  template <typename T>
  static float load_as(const std::byte* from) {
    T value;
    std::memcpy(&value, from, sizeof(value));
    return to_float(value);
  }
  float load(const std::byte* from) const {
    if (scale_type_ == ScaleType::f16) return load_as<float16>(from);
    return scale_type_ == ScaleType::bf16 ? load_as<bfloat16>(from) : load_as<float>(from);
  }
  template <typename T>
  static float store_as(float value, std::byte* to) {
    const T stored = from_float<T>(value);
    std::memcpy(to, &stored, sizeof(stored));
    return to_float(stored);
  }
  // Returns what was stored.
  float store(float value, std::byte* to) const {
    if (scale_type_ == ScaleType::f16) return store_as<float16>(value, to);
    return scale_type_ == ScaleType::bf16 ? store_as<bfloat16>(value, to)
                                          : store_as<float>(value, to);
  }

  void encode_block(size_t columns, const float* weights, size_t top, size_t bottom, size_t left,
                    size_t right, std::byte* scale, float8_e4m3* codes) const {
    float largest = 0;
    for (size_t row = top; row < bottom; ++row) {
      for (size_t i = left; i < right; ++i) {
        largest = std::max(largest, std::abs(weights[row * columns + i]));
      }
    }
    const float stored = store(largest == 0 ? 1 : largest / largest_e4m3, scale);
    for (size_t row = top; row < bottom; ++row) {
      for (size_t i = left; i < right; ++i) {
        codes[row * columns + i] =
            stored == 0 ? float8_e4m3{0} : to_float8_e4m3(weights[row * columns + i] / stored);
      }
    }
  }

  // As a panel takes them: of each group, or of the row as float32.
  void spread_scales(size_t columns, const std::byte* scales, size_t row, std::byte* out) const {
    if (by_row()) {
      const float value = load(scales + scale_at(columns, row, 0));
      std::memcpy(out, &value, sizeof(value));
      return;
    }
    for (size_t group = 0; group < columns / group_; ++group) {
      std::memcpy(out + group * scale_bytes(),
                  scales + scale_at(columns, row, group * group_ / block_columns_), scale_bytes());
    }
  }

  size_t block_rows_;
  size_t block_columns_;
  ScaleType scale_type_;
  size_t group_;
  std::string_view scale_name_;
};

}  // namespace

std::shared_ptr<const Codec> make_fp8_codec(const Fp8Blocks& blocks, ScaleType scales, int group,
                                            std::string_view scale_name) {
  return std::make_shared<Fp8Codec>(blocks, scales, group, scale_name);
}

}  // namespace tarn::quant
