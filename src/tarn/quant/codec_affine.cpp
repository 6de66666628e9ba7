#include "tarn/quant/codec_affine.h"

#include "tarn/base/error.h"
#include "tarn/quant/affine_search.h"

namespace tarn::quant {
namespace {

PartType part_type(ScaleType type) {
  if (type == ScaleType::f32) return PartType::f32;
  return type == ScaleType::f16 ? PartType::f16 : PartType::bf16;
}

template <typename F>
void with_scale(ScaleType type, F&& f) {
  if (type == ScaleType::f32) return f(float{});
  if (type == ScaleType::f16) return f(float16{});
  f(bfloat16{});
}

class AffineCodec final : public Codec {
 public:
  AffineCodec(const AffineFormat& format, ScaleType scale_type)
      : affine_(format), scale_type_(scale_type) {}

  Format format() const override { return affine_format(affine_.bits, affine_.group_size); }

  void check(size_t rows, size_t columns) const override {
    packed_size(panel_format(), rows, columns);
  }

  std::string misfit(size_t columns) const override {
    if (columns % group() == 0) return {};
    return fmt::format("{} inputs do not fill groups of {}", columns, affine_.group_size);
  }

  size_t columns_of(size_t part_columns) const override {
    const auto bits = static_cast<size_t>(affine_.bits);
    return part_columns % bits == 0 ? part_columns / bits * 32 : 0;
  }

  std::vector<Part> parts(size_t rows, size_t columns) const override {
    const PartType type = part_type(scale_type_);
    return {{"weight", PartType::u32, rows, packed_words(columns, affine_.bits)},
            {"scales", type, rows, columns / group()},
            {"biases", type, rows, columns / group()}};
  }

  PanelFormat panel_format() const override {
    return {affine_.bits, affine_.group_size, scale_type_};
  }

  void encode(size_t /*rows*/, size_t columns, const float* weights, const float* importance,
              size_t first_row, size_t last_row, std::span<std::byte* const> parts) const override {
    with_scale(scale_type_, [&](auto type) {
      using Scale = decltype(type);
      const size_t count = last_row - first_row;
      const size_t first_scale = first_row * (columns / group());
      auto* codes =
          reinterpret_cast<uint32_t*>(parts[0]) + first_row * packed_words(columns, affine_.bits);
      auto* scales = reinterpret_cast<Scale*>(parts[1]) + first_scale;
      auto* biases = reinterpret_cast<Scale*>(parts[2]) + first_scale;
      if (importance == nullptr) {
        affine_encode(affine_, count, columns, weights, codes, scales, biases);
      } else {
        affine_search(affine_, count, columns, weights, importance, codes, scales, biases);
      }
    });
  }

  int free_code_bits() const override { return affine_.bits; }

  void set_codes(size_t /*rows*/, size_t columns, std::span<std::byte* const> parts, size_t row,
                 const uint8_t* codes) const override {
    const size_t words = packed_words(columns, affine_.bits);
    pack_codes(affine_.bits, columns, codes, reinterpret_cast<uint32_t*>(parts[0]) + row * words);
  }

  void decode(size_t /*rows*/, size_t columns, std::span<const std::byte* const> parts,
              size_t first_row, size_t last_row, float* out) const override {
    with_scale(scale_type_, [&](auto type) {
      using Scale = decltype(type);
      const size_t scales = first_row * (columns / group());
      affine_decode(affine_, last_row - first_row, columns,
                    reinterpret_cast<const uint32_t*>(parts[0]) +
                        first_row * packed_words(columns, affine_.bits),
                    reinterpret_cast<const Scale*>(parts[1]) + scales,
                    reinterpret_cast<const Scale*>(parts[2]) + scales, out);
    });
  }

  void pack(size_t rows, size_t columns, std::span<const std::byte* const> parts, std::byte* panels,
            size_t first_panel, size_t last_panel) const override {
    pack_affine(panel_format(), rows, columns, reinterpret_cast<const uint32_t*>(parts[0]),
                parts[1], parts[2], panels, first_panel, last_panel);
  }

 private:
  size_t group() const { return static_cast<size_t>(affine_.group_size); }
  AffineFormat affine_;
  ScaleType scale_type_;
};

}  // namespace

std::shared_ptr<const Codec> make_affine_codec(const AffineFormat& format, ScaleType scale_type) {
  return std::make_shared<AffineCodec>(format, scale_type);
}

}  // namespace tarn::quant
