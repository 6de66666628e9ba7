// Few tokens: each panel is one stream from memory, and its codes are used in the registers they
// expand into.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "tarn/cpu/isa/qmatmul_layout.h"

namespace tarn::cpu {
namespace {

// What stands beside a panel's codes for one call of stream_panel.
struct StreamInput {
  const QuantizedActivations& x;
  size_t first_token;  // where the tokens stand among the `all_tokens` of x
  size_t all_tokens;
};

template <class V>
TARN_INLINE void prefetch_lines(const uint8_t* at, size_t bytes) {
  for (size_t line = 0; line < bytes; line += 64) V::prefetch(at + line + stream_prefetch_distance);
}

// Half a block, for groups of 16, or a whole one.
template <class V, int bits, bool looked_up, int tokens, int first_tile, int tiles, class Dot>
TARN_INLINE void multiply_block(const uint8_t* block, const typename V::Table& table,
                                const int8_t* codes, size_t group_size, Dot (&dot)[tokens]) {
  unrolled<tiles>([&](auto j) __attribute__((always_inline)) {
    typename V::Tile tile = V::template tile<bits, first_tile + j>(block);
    if constexpr (looked_up) tile = V::template look_up<bits>(table, tile);
    unrolled<tokens>([&](auto t) __attribute__((always_inline)) {
      dot[t].template add<j>(tile, codes + t * group_size + j * tile_inputs);
    });
  });
}

// Adds group `group`'s share to the sums.
template <class V, int tokens, class Dot>
TARN_INLINE void add_group(const GroupScale<V>& s, const StreamInput& in, size_t group,
                           const Dot (&dot)[tokens], typename V::F (&sums)[tokens]) {
  const size_t first = group * in.all_tokens + in.first_token;
  unrolled<tokens>([&](auto t) __attribute__((always_inline)) {
    sums[t] = combine<V>(sums[t], dot[t].total(), s.scale, s.bias, V::set1(in.x.scales[first + t]),
                         V::set1(in.x.sums[first + t]));
  });
}

template <class V, int bits, bool looked_up, int tokens>
void stream_panel(const Layout& layout, const uint8_t* panel, const StreamInput& in,
                  typename V::F (&sums)[tokens]) {
  constexpr int chains = tokens < 4 ? 4 : 1;
  constexpr int dot_bits = looked_up ? 8 : bits;
  unrolled<tokens>([&](auto t) __attribute__((always_inline)) { sums[t] = V::zero(); });
  typename V::Table table{};
  if constexpr (looked_up) table = V::template load_table<bits>(panel);
  prefetch_lines<V>(panel, layout.at.panel_header);
  const uint8_t* at = panel + layout.at.panel_header;
  for (size_t first_group = 0; first_group < layout.groups; first_group += layout.segment_groups) {
    const uint8_t* const header = at;
    prefetch_lines<V>(at, layout.at.segment_header);
    at += layout.at.segment_header;
    const size_t left = layout.groups - first_group;
    const size_t count = left < layout.segment_groups ? left : layout.segment_groups;
    for (size_t i = 0; i < count; ++i) {
      const size_t group = first_group + i;
      const int8_t* codes =
          in.x.codes + (group * in.all_tokens + in.first_token) * layout.group_size;
      const GroupScale<V> scale = group_scale<V>(layout, panel, header, i);
      if (layout.group_size < block_inputs) {
        using Dot = typename V::template Dot<dot_bits, chains, block_tiles / 2>;
        Dot dot[tokens];
        unrolled<tokens>([&](auto t) __attribute__((always_inline)) { dot[t].clear(); });
        if (i % 2 == 0) {
          prefetch_lines<V>(at, bits * tile_bytes);
          multiply_block<V, bits, looked_up, tokens, 0, block_tiles / 2>(at, table, codes,
                                                                         layout.group_size, dot);
        } else {
          multiply_block<V, bits, looked_up, tokens, block_tiles / 2, block_tiles / 2>(
              at, table, codes, layout.group_size, dot);
          at += bits * tile_bytes;
        }
        add_group<V, tokens>(scale, in, group, dot, sums);
        continue;
      }
      typename V::template Dot<dot_bits, chains, block_tiles> dot[tokens];
      unrolled<tokens>([&](auto t) __attribute__((always_inline)) { dot[t].clear(); });
      for (size_t k = 0; k < layout.group_size; k += block_inputs) {
        prefetch_lines<V>(at, bits * tile_bytes);
        multiply_block<V, bits, looked_up, tokens, 0, block_tiles>(at, table, codes,
                                                                   layout.group_size, dot);
        at += bits * tile_bytes;
        codes += block_inputs;
      }
      add_group<V, tokens>(scale, in, group, dot, sums);
    }
  }
}

// A panel is read from memory for the first `tokens` and from the cache for those that follow.
template <class V, int bits, bool looked_up, int tokens>
void stream_tokens(const Layout& layout, const uint8_t* panel, StreamInput in, size_t rows,
                   float* out, size_t out_stride) {
  for (; in.first_token + tokens <= in.all_tokens; in.first_token += tokens) {
    typename V::F sums[tokens];
    stream_panel<V, bits, looked_up, tokens>(layout, panel, in, sums);
    unrolled<tokens>([&](auto t) __attribute__((always_inline)) {
      store_rows<V>(out + (in.first_token + t) * out_stride, sums[t], rows);
    });
  }
  if constexpr (tokens > 1) {
    if (in.first_token < in.all_tokens) {
      stream_tokens<V, bits, looked_up, fewer(tokens)>(layout, panel, in, rows, out, out_stride);
    }
  }
}

template <class V, int bits, bool looked_up>
void stream(const PanelMatrix& weights, size_t first_panel, size_t last_panel,
            const QuantizedActivations& x, size_t tokens, float* out, size_t out_stride) {
  const Layout layout = layout_of(weights);
  const auto* panels = reinterpret_cast<const uint8_t*>(weights.panels);
  for (size_t panel = first_panel; panel < last_panel; ++panel) {
    stream_tokens<V, bits, looked_up, V::stream_tokens>(
        layout, panels + panel * layout.stride, {x, 0, tokens}, rows_in_panel(weights, panel),
        out + panel * panel_rows, out_stride);
  }
}

}  // namespace
}  // namespace tarn::cpu
