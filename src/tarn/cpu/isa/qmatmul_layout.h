// What all products of qmatmul.h share: where things stand in a panel and what scales a group.
// Everything is in an unnamed namespace (see qmatmul_impl.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "tarn/cpu/isa/qmatmul.h"

#define TARN_INLINE [[gnu::always_inline]] inline

namespace tarn::cpu {
namespace {

using quant::block_inputs;
using quant::block_tiles;
using quant::panel_rows;
using quant::PanelFormat;
using quant::ScaleType;
using quant::tile_bytes;
using quant::tile_inputs;

constexpr size_t max_group_size = 128;
// How far ahead of its use memory is asked for. One stream: far enough to cover the latency at full
// bandwidth. Several panels side by side: what is asked for must stay in the L1 cache.
constexpr size_t stream_prefetch_distance = 8192;
constexpr size_t block_prefetch_distance = 2048;
// Tokens whose sums are kept at hand while the groups go by: an expanded group, its activations and
// the sums fit the L1 cache together.
constexpr size_t token_block = 144;

constexpr size_t scale_row_bytes(ScaleType type) {
  const bool byte = type == ScaleType::e8m0 || type == ScaleType::e4m3;
  return static_cast<size_t>(panel_rows) * (byte ? 1 : type == ScaleType::f32 ? 4 : 2);
}

// Calls f(std::integral_constant<int, i>) for i < count without a loop: what f indexes with i can
// then stay in registers.
template <int count, typename Function>
TARN_INLINE void unrolled(Function&& f) {
  [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
    (f(std::integral_constant<int, i>{}), ...);
  }
  (std::make_integer_sequence<int, count>{});
}

// Address checks in code unrolled this far take minutes to compile. With them, the same code runs
// in smaller tiles.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TARN_SMALL_TILES
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(TARN_SMALL_TILES)
constexpr int largest_tile = 2;
#else
constexpr int largest_tile = 8;
#endif
#undef TARN_SMALL_TILES
constexpr int tile_of(int count) { return count < largest_tile ? count : largest_tile; }

// Tokens are taken in tiles of a kernel's most, then of 4, 2 and 1: each size is a function of its
// own.
constexpr int fewer(int tokens) { return tokens > 4 ? 4 : tokens / 2; }

constexpr size_t table_center = 128;  // a table's bytes are its entries and this

// Where things stand in a panel matrix, computed once for a call.
struct Layout {
  PanelFormat format;
  quant::PanelLayout at;
  size_t group_size;
  size_t groups;          // of a row
  size_t segment_groups;  // of a whole segment
  size_t row_bytes;       // of 16 scales of the format's type
  size_t codes_bytes;     // of a group
  size_t stride;          // bytes from panel to panel
  bool table;             // codes are looked up in bytes
  bool wide;              // values of two bytes (qmatmul_values.h)
};

// quant::is_wide, here once more because it must not be called.
TARN_INLINE bool is_wide(const PanelFormat& format) {
  return format.values >= quant::CodeValues::table_f16;
}

TARN_INLINE Layout layout_of(const PanelMatrix& weights) {
  Layout layout{};
  layout.format = weights.format;
  layout.at = quant::panel_layout(weights.format, weights.inputs);
  layout.group_size = static_cast<size_t>(weights.format.group_size);
  layout.groups = weights.inputs / layout.group_size;
  layout.segment_groups = layout.at.segment_inputs / layout.group_size;
  layout.row_bytes = scale_row_bytes(weights.format.scale_type);
  layout.codes_bytes =
      layout.group_size * panel_rows * static_cast<size_t>(weights.format.bits) / 8;
  layout.stride = layout.at.stride;
  layout.table = weights.format.values == quant::CodeValues::table_i8;
  layout.wide = is_wide(weights.format);
  return layout;
}

TARN_INLINE size_t rows_in_panel(const PanelMatrix& weights, size_t panel) {
  const size_t left = weights.rows - panel * panel_rows;
  return left < panel_rows ? left : panel_rows;
}

template <class V>
TARN_INLINE void store_rows(float* out, typename V::F value, size_t rows) {
  if (rows == panel_rows) {
    V::store(out, value);
  } else {
    V::store_first(out, value, rows);
  }
}

template <class V>
TARN_INLINE typename V::F load_scales(ScaleType type, const uint8_t* at) {
  switch (type) {
    case ScaleType::f16:
      return V::template load_scales<ScaleType::f16>(at);
    case ScaleType::bf16:
      return V::template load_scales<ScaleType::bf16>(at);
    case ScaleType::e8m0:
      return V::template load_scales<ScaleType::e8m0>(at);
    case ScaleType::e4m3:
      return V::template load_scales<ScaleType::e4m3>(at);
    default:
      return V::template load_scales<ScaleType::f32>(at);
  }
}

// Of 16 rows and one group. Products of integers take u * scale + bias with the unsigned bytes u of
// a tile; values in float are (u - center) * scale + own_bias, where one of the two is zero.
template <class V>
struct GroupScale {
  typename V::F scale;
  typename V::F bias;
};

// What is taken from a tile's bytes before they are scaled.
TARN_INLINE float center_of(const Layout& layout) {
  if (layout.format.bias != quant::BiasKind::offset) return 0;
  return static_cast<float>(layout.table ? static_cast<int>(table_center) : layout.format.offset);
}

template <class V>
TARN_INLINE GroupScale<V> stored_scale(const Layout& layout, const uint8_t* at) {
  return {load_scales<V>(layout.format.scale_type, at),
          load_scales<V>(layout.format.scale_type, at + layout.row_bytes)};
}

// Groups whose scales are decoded at once.
constexpr size_t scale_span = 16;

// Of the groups [first, last) of the segment whose header this is, at most scale_span.
template <class V>
[[gnu::noinline]] void group_scales(const Layout& layout, const uint8_t* panel,
                                    const uint8_t* header, size_t first, size_t last,
                                    GroupScale<V>* out) {
  using F = typename V::F;
  const PanelFormat& format = layout.format;
  const F multiplier = V::set1(format.multiplier);
  const F minus_center = V::set1(-center_of(layout));
  if (format.bias == quant::BiasKind::stored) {
    for (size_t i = first; i < last; ++i) {
      *out++ = stored_scale<V>(layout, header + 2 * i * layout.row_bytes);
    }
  } else if (format.scales == quant::ScaleKind::row) {
    const F stored = V::template load_scales<ScaleType::f32>(panel + layout.at.table);
    const F scale = V::mul(stored, multiplier);
    const F bias = V::mul(scale, minus_center);
    for (size_t i = first; i < last; ++i) *out++ = {scale, bias};
  } else if (format.scales == quant::ScaleKind::group) {
    for (size_t i = first; i < last; ++i) {
      const F stored = load_scales<V>(format.scale_type, header + i * layout.row_bytes);
      const F scale = V::mul(stored, multiplier);
      *out++ = {scale, V::mul(scale, minus_center)};
    }
  } else {
    constexpr size_t half_row = scale_row_bytes(ScaleType::f16);
    const F d = V::template load_scales<ScaleType::f16>(header);
    if (format.bias != quant::BiasKind::mins) {
      const uint8_t* subs = header + half_row;
      for (size_t i = first; i < last; ++i) {
        const F scale = V::mul(V::mul(d, V::load_signed(subs + i * panel_rows)), multiplier);
        *out++ = {scale, V::mul(scale, minus_center)};
      }
      return;
    }
    const F minus_dmin =
        V::mul(V::template load_scales<ScaleType::f16>(header + half_row), V::set1(-1));
    const uint8_t* subs = header + 2 * half_row;
    const uint8_t* mins = subs + layout.segment_groups * panel_rows;
    for (size_t i = first; i < last; ++i) {
      const F scale = V::mul(V::mul(d, V::load_signed(subs + i * panel_rows)), multiplier);
      *out++ = {scale, V::mul(minus_dmin, V::load_unsigned(mins + i * panel_rows))};
    }
  }
}

// The one float combination of a group's integer sums, in every path.
template <class V>
TARN_INLINE typename V::F combine(typename V::F sum, typename V::I dot, typename V::F scale,
                                  typename V::F bias, typename V::F x_scale, typename V::F x_sum) {
  sum = V::fma(V::to_float(dot), V::mul(scale, x_scale), sum);
  return V::fma(bias, x_sum, sum);
}

}  // namespace
}  // namespace tarn::cpu
