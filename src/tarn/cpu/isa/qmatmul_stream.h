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

// A macro: compilers take calls of a function that only prefetches for calls without effect.
#define TARN_PREFETCH_LINES(at, bytes)                        \
  for (size_t line = 0; line < (bytes); line += tile_bytes) { \
    V::prefetch((at) + line + stream_prefetch_distance);      \
  }

// Half a block, for groups of 16, or a whole one.
template <class V, int bits, bool looked_up, size_t group_size, int tokens, int first_tile,
          int tiles, class Dot>
TARN_INLINE void multiply_block(const uint8_t* block, const typename V::Table& table,
                                const int8_t* codes, Dot (&dot)[tokens]) {
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

// The group's size is a constant for the sake of addresses, of which there would be too many for
// the registers. Affine groups have their scales right before their codes; of others, the scales of
// a span are decoded at once.
template <class V, int bits, bool looked_up, bool affine, size_t group_size, int tokens>
void stream_panel(const Layout& layout, const uint8_t* panel, const StreamInput& in,
                  typename V::F (&sums)[tokens]) {
  constexpr int chains = tokens < 4 ? 4 : 1;
  constexpr int dot_bits = looked_up ? 8 : bits;
  constexpr bool half_blocks = group_size < block_inputs;
  constexpr int tiles = half_blocks ? block_tiles / 2 : block_tiles;
  using Dot = typename V::template Dot<dot_bits, chains, tiles>;
  unrolled<tokens>([&](auto t) __attribute__((always_inline)) { sums[t] = V::zero(); });
  typename V::Table table{};
  if constexpr (looked_up) table = V::template load_table<bits>(panel);
  TARN_PREFETCH_LINES(panel, layout.at.panel_header)
  const uint8_t* at = panel + layout.at.panel_header;
  const uint8_t* header = at;
  GroupScale<V> scales[affine ? 1 : scale_span];
  for (size_t group = 0; group < layout.groups; ++group) {
    size_t slot = 0;
    if constexpr (affine) {
      TARN_PREFETCH_LINES(at, 2 * layout.row_bytes)
      scales[0] = stored_scale<V>(layout, at);
      at += 2 * layout.row_bytes;
    } else {
      const size_t in_segment = group % layout.segment_groups;
      if (in_segment == 0) {
        header = at;
        TARN_PREFETCH_LINES(at, layout.at.segment_header)
        at += layout.at.segment_header;
      }
      slot = in_segment % scale_span;
      if (slot == 0) {
        const size_t left = layout.groups - group;
        const size_t here = layout.segment_groups - in_segment;
        const size_t count = left < here ? left : here;
        group_scales<V>(layout, panel, header, in_segment,
                        in_segment + (count < scale_span ? count : scale_span), scales);
      }
    }
    const int8_t* codes = in.x.codes + (group * in.all_tokens + in.first_token) * group_size;
    Dot dot[tokens];
    unrolled<tokens>([&](auto t) __attribute__((always_inline)) { dot[t].clear(); });
    if constexpr (half_blocks) {
      if (group % 2 == 0) {
        TARN_PREFETCH_LINES(at, bits * tile_bytes)
        multiply_block<V, bits, looked_up, group_size, tokens, 0, tiles>(at, table, codes, dot);
      } else {
        multiply_block<V, bits, looked_up, group_size, tokens, tiles, tiles>(at, table, codes, dot);
        at += bits * tile_bytes;
      }
    } else {
      for (size_t k = 0; k < group_size; k += block_inputs) {
        TARN_PREFETCH_LINES(at, bits * tile_bytes)
        multiply_block<V, bits, looked_up, group_size, tokens, 0, tiles>(at, table, codes, dot);
        at += bits * tile_bytes;
        codes += block_inputs;
      }
    }
    add_group<V, tokens>(scales[slot], in, group, dot, sums);
  }
}

// A panel is read from memory for the first `tokens` and from the cache for those that follow.
template <class V, int bits, bool looked_up, bool affine, size_t group_size, int tokens>
void stream_tokens(const Layout& layout, const uint8_t* panel, StreamInput in, size_t rows,
                   float* out, size_t out_stride) {
  for (; in.first_token + tokens <= in.all_tokens; in.first_token += tokens) {
    typename V::F sums[tokens];
    stream_panel<V, bits, looked_up, affine, group_size, tokens>(layout, panel, in, sums);
    unrolled<tokens>([&](auto t) __attribute__((always_inline)) {
      store_rows<V>(out + (in.first_token + t) * out_stride, sums[t], rows);
    });
  }
  if constexpr (tokens > 1) {
    if (in.first_token < in.all_tokens) {
      stream_tokens<V, bits, looked_up, affine, group_size, fewer(tokens)>(layout, panel, in, rows,
                                                                           out, out_stride);
    }
  }
}

template <class V, int bits, bool looked_up, bool affine, size_t group_size>
void stream_groups(const PanelMatrix& weights, size_t first_panel, size_t last_panel,
                   const QuantizedActivations& x, size_t tokens, float* out, size_t out_stride) {
  const Layout layout = layout_of(weights);
  const auto* panels = reinterpret_cast<const uint8_t*>(weights.panels);
  for (size_t panel = first_panel; panel < last_panel; ++panel) {
    stream_tokens<V, bits, looked_up, affine, group_size, V::stream_tokens>(
        layout, panels + panel * layout.stride, {x, 0, tokens}, rows_in_panel(weights, panel),
        out + panel * panel_rows, out_stride);
  }
}

template <class V, int bits, bool looked_up>
auto stream_of(const PanelFormat& format) {
  auto product = stream_groups<V, bits, looked_up, false, 32>;
  if (format.group_size == 64) product = stream_groups<V, bits, looked_up, false, 64>;
  if constexpr (quant::has_half_blocks(bits)) {
    if (format.group_size == 16) product = stream_groups<V, bits, looked_up, false, 16>;
  }
  if constexpr (!looked_up && bits > 1) {
    if (format.bias == quant::BiasKind::stored) {
      product = format.group_size == 32   ? stream_groups<V, bits, looked_up, true, 32>
                : format.group_size == 64 ? stream_groups<V, bits, looked_up, true, 64>
                                          : stream_groups<V, bits, looked_up, true, 128>;
    }
  }
  return product;
}

#undef TARN_PREFETCH_LINES

}  // namespace
}  // namespace tarn::cpu
