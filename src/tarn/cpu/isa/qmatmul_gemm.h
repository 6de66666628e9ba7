// Many tokens: a group of some panels is expanded into the L1 cache once and serves many tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "tarn/cpu/isa/qmatmul_values.h"

namespace tarn::cpu {
namespace {

// Expands `inputs` inputs of a panel, tiles `tile_step` bytes apart. `bytes`: what codes are looked
// up in.
using Expand = void (*)(const uint8_t* bytes, const uint8_t* codes, size_t inputs, uint8_t* tiles,
                        size_t tile_step);

template <class V, int bits, bool looked_up>
void expand_codes(const uint8_t* bytes, const uint8_t* codes, size_t inputs, uint8_t* tiles,
                  size_t tile_step) {
  typename V::Table table{};
  if constexpr (looked_up) table = V::template load_table<bits>(bytes);
  for (size_t i = 0; i < inputs; i += block_inputs) {
    for (size_t line = 0; line < bits; ++line) {
      V::prefetch(codes + line * 64 + block_prefetch_distance);
    }
    unrolled<block_tiles>([&](auto j) __attribute__((always_inline)) {
      typename V::Tile tile = V::template tile<bits, j>(codes);
      if constexpr (looked_up) tile = V::template look_up<bits>(table, tile);
      V::store_tile(tiles, tile);
      tiles += tile_step;
    });
    codes += bits * tile_bytes;
  }
}

template <class V>
Expand expand_of(int bits, bool look_up) {
  constexpr Expand plain[] = {nullptr,
                              expand_codes<V, 1, false>,
                              expand_codes<V, 2, false>,
                              expand_codes<V, 3, false>,
                              expand_codes<V, 4, false>,
                              expand_codes<V, 5, false>,
                              expand_codes<V, 6, false>,
                              nullptr,
                              expand_codes<V, 8, false>};
  constexpr Expand looked_up[] = {nullptr,
                                  expand_codes<V, 1, true>,
                                  expand_codes<V, 2, true>,
                                  expand_codes<V, 3, true>,
                                  expand_codes<V, 4, true>,
                                  expand_codes<V, 5, true>,
                                  expand_codes<V, 6, true>,
                                  nullptr,
                                  expand_codes<V, 8, true>};
  return look_up ? looked_up[bits] : plain[bits];
}

// One group of some panels, expanded. Of groups of 16, two at a time.
template <class V, int panels>
struct Expanded {
  alignas(64) uint8_t tiles[max_group_size / tile_inputs * panels * tile_bytes];
  GroupScale<V> scale[panels];

  const uint8_t* tiles_of(const Layout& layout, size_t group) const {
    const bool second = layout.group_size < block_inputs && group % 2 != 0;
    return second ? tiles + block_tiles / 2 * panels * tile_bytes : tiles;
  }
};

// `bytes`: what each panel's codes are looked up in.
template <class V, int panels>
void expand(const PanelMatrix& weights, const Layout& layout, size_t first_panel, size_t group,
            Expand expand_inputs, const uint8_t* const (&bytes)[panels], Expanded<V, panels>& out) {
  const size_t segment = group / layout.segment_groups;
  const size_t in_segment = group % layout.segment_groups;
  const size_t header = layout.at.panel_header + segment * layout.at.segment;
  const auto* panel =
      reinterpret_cast<const uint8_t*>(weights.panels) + first_panel * layout.stride;
  const bool halves = layout.group_size < block_inputs;
  for (int p = 0; p < panels; ++p) {
    V::prefetch(panel + header + block_prefetch_distance);
    group_scales<V>(layout, panel, panel + header, in_segment, in_segment + 1, &out.scale[p]);
    if (!halves || in_segment % 2 == 0) {
      expand_inputs(bytes[p],
                    panel + header + layout.at.segment_header + in_segment * layout.codes_bytes,
                    halves ? block_inputs : layout.group_size, out.tiles + p * tile_bytes,
                    panels * tile_bytes);
    }
    panel += layout.stride;
  }
}

// sums [tokens, panels, 16] += one group's share. The group's size is a constant for the sake of
// addresses: with a variable, their computation takes a third of the time.
template <class V, int bits, int panels, int tokens, size_t group_size>
void multiply_group(const Expanded<V, panels>& w, const uint8_t* tiles, const int8_t* codes,
                    const float* x_scales, const float* x_sums, float* sums) {
  constexpr int at_once = group_size < block_inputs ? block_tiles / 2 : block_tiles;
  typename V::template Dot<bits, 1, at_once> dot[tokens][panels];
  unrolled<tokens>([&](auto t) __attribute__((always_inline)) {
    unrolled<panels>([&](auto p) __attribute__((always_inline)) { dot[t][p].clear(); });
  });
  for (size_t i = 0; i < group_size; i += block_inputs) {
    unrolled<at_once>([&](auto j) __attribute__((always_inline)) {
      typename V::Tile tile[panels];
      unrolled<panels>([&](auto p) __attribute__((always_inline)) {
        tile[p] = V::load_tile(tiles + p * tile_bytes);
      });
      unrolled<tokens>([&](auto t) __attribute__((always_inline)) {
        const int8_t* x = codes + t * group_size + j * tile_inputs;
        unrolled<panels>([&](auto p) __attribute__((always_inline)) {
          dot[t][p].template add<j>(tile[p], x);
        });
      });
      tiles += panels * tile_bytes;
    });
    codes += block_inputs;
  }
  unrolled<tokens>([&](auto t) __attribute__((always_inline)) {
    const typename V::F x_scale = V::set1(x_scales[t]);
    const typename V::F x_sum = V::set1(x_sums[t]);
    unrolled<panels>([&](auto p) __attribute__((always_inline)) {
      float* at = sums + (t * panels + p) * panel_rows;
      V::store(at, combine<V>(V::load(at), dot[t][p].total(), w.scale[p].scale, w.scale[p].bias,
                              x_scale, x_sum));
    });
  });
}

template <class V, int bits, int panels, int tokens, size_t group_size>
void multiply_tokens(const Expanded<V, panels>& w, const uint8_t* tiles, const int8_t* codes,
                     const float* x_scales, const float* x_sums, size_t count, float* sums) {
  while (count >= static_cast<size_t>(tokens)) {
    multiply_group<V, bits, panels, tokens, group_size>(w, tiles, codes, x_scales, x_sums, sums);
    codes += tokens * group_size;
    x_scales += tokens;
    x_sums += tokens;
    sums += tokens * panels * panel_rows;
    count -= tokens;
  }
  if constexpr (tokens > 1) {
    if (count > 0) {
      multiply_tokens<V, bits, panels, fewer(tokens), group_size>(w, tiles, codes, x_scales, x_sums,
                                                                  count, sums);
    }
  }
}

template <class V, int panels>
TARN_INLINE void write_sums(const PanelMatrix& weights, size_t first_panel, const float* sums,
                            size_t tokens, float* out, size_t out_stride) {
  float* row = out + first_panel * panel_rows;
  const size_t rows_of_last = rows_in_panel(weights, first_panel + panels - 1);
  for (size_t t = 0; t < tokens; ++t) {
    unrolled<panels - 1>([&](auto p) __attribute__((always_inline)) {
      V::store(row + p * panel_rows, V::load(sums + p * panel_rows));
    });
    store_rows<V>(row + (panels - 1) * panel_rows, V::load(sums + (panels - 1) * panel_rows),
                  rows_of_last);
    sums += panels * panel_rows;
    row += out_stride;
  }
}

template <class V, int bits, int panels, size_t group_size>
void multiply_panels(const PanelMatrix& weights, const Layout& layout, size_t first_panel,
                     const QuantizedActivations& x, size_t tokens, float* out, size_t out_stride) {
  Expanded<V, panels> w;
  const Expand expand_inputs = expand_of<V>(layout.format.bits, layout.table || layout.wide);
  PanelValues values[panels];
  const uint8_t* bytes[2][panels];
  for (size_t p = 0; p < panels; ++p) {
    values[p].template load<V>(layout, reinterpret_cast<const uint8_t*>(weights.panels) +
                                           (first_panel + p) * layout.stride);
    for (size_t plane = 0; plane < 2; ++plane) bytes[plane][p] = values[p].plane[plane];
  }
  const int planes = layout.wide ? 2 : 1;
  alignas(64) float sums[token_block * panels * panel_rows];
  for (size_t first = 0; first < tokens; first += token_block) {
    const size_t count = tokens - first < token_block ? tokens - first : token_block;
    for (size_t i = 0; i < count * panels * panel_rows; ++i) sums[i] = 0;
    float* const block_out = out + first * out_stride;
    for (size_t group = 0; group < layout.groups; ++group) {
      // Rows of the output lie far apart: they are fetched while their sums grow.
      for (size_t t = count * group / layout.groups; t < count * (group + 1) / layout.groups; ++t) {
        const float* row = block_out + t * out_stride + first_panel * panel_rows;
        for (int p = 0; p < panels; ++p) __builtin_prefetch(row + p * panel_rows, 1);
      }
      const size_t at = group * tokens + first;
      for (int plane = 0; plane < planes; ++plane) {
        expand(weights, layout, first_panel, group, expand_inputs, bytes[plane], w);
        for (int p = 0; layout.wide && p < panels; ++p) {
          w.scale[p] = scale_of_plane<V>(w.scale[p], values[p].unit, plane);
        }
        multiply_tokens<V, bits, panels, V::gemm_tokens, group_size>(
            w, w.tiles_of(layout, group), x.codes + at * group_size, x.scales + at, x.sums + at,
            count, sums);
      }
    }
    write_sums<V, panels>(weights, first_panel, sums, count, block_out, out_stride);
  }
}

template <class V, int bits, size_t group_size>
void multiply_groups(const PanelMatrix& weights, size_t first_panel, size_t last_panel,
                     const QuantizedActivations& x, size_t tokens, float* out, size_t out_stride) {
  const Layout layout = layout_of(weights);
  size_t panel = first_panel;
  for (; panel + V::gemm_panels <= last_panel; panel += V::gemm_panels) {
    multiply_panels<V, bits, V::gemm_panels, group_size>(weights, layout, panel, x, tokens, out,
                                                         out_stride);
  }
  for (; panel < last_panel; ++panel) {
    multiply_panels<V, bits, 1, group_size>(weights, layout, panel, x, tokens, out, out_stride);
  }
}

// `bits`: of the bytes that are multiplied (V::dot_bits).
template <class V, int bits>
void multiply(const PanelMatrix& weights, size_t first_panel, size_t last_panel,
              const QuantizedActivations& x, size_t tokens, float* out, size_t out_stride) {
  const auto product = weights.format.group_size == 16   ? multiply_groups<V, bits, 16>
                       : weights.format.group_size == 32 ? multiply_groups<V, bits, 32>
                       : weights.format.group_size == 64 ? multiply_groups<V, bits, 64>
                                                         : multiply_groups<V, bits, 128>;
  product(weights, first_panel, last_panel, x, tokens, out, out_stride);
}

}  // namespace
}  // namespace tarn::cpu
