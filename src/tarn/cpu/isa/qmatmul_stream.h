// Few tokens: each panel is one stream from memory, and its codes are used in the registers they
// expand into.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "tarn/cpu/isa/qmatmul_values.h"

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

// How many planes of bytes a tile of codes becomes.
// Bits of what goes into the dot product: looked-up values take bytes.
constexpr int bits_of_values(int code_bits, LookUp look_up) {
  if (look_up == LookUp::none) return code_bits;
  return 8;
}
constexpr int planes_of(LookUp look_up) { return look_up == LookUp::wide ? 2 : 1; }

// Half a block, for groups of 16, or a whole one.
template <class V, int bits, LookUp look_up, int tokens, int first_tile, int tiles, class Dot>
TARN_INLINE void multiply_block(const uint8_t* block,
                                const typename V::Table (&tables)[planes_of(look_up)],
                                const int8_t* codes, size_t group_size,
                                Dot (&dot)[planes_of(look_up)][tokens]) {
  unrolled<tiles>([&](auto j) __attribute__((always_inline)) {
    const typename V::Tile tile = V::template tile<bits, first_tile + j>(block);
    unrolled<planes_of(look_up)>([&](auto plane) __attribute__((always_inline)) {
      typename V::Tile bytes = tile;
      if constexpr (look_up != LookUp::none) {
        bytes = V::template look_up<bits>(tables[plane], tile);
      }
      unrolled<tokens>([&](auto t) __attribute__((always_inline)) {
        dot[plane][t].template add<j>(bytes, codes + t * group_size + j * tile_inputs);
      });
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
// the registers; 0: it is not, which does for few tokens. Affine groups have their scales right
// before their codes; of others, the scales of a span are decoded at once.
template <class V, int bits, LookUp look_up, bool affine, size_t constant_size, int tokens>
void stream_panel(const Layout& layout, const uint8_t* panel, const PanelValues& values,
                  const StreamInput& in, typename V::F (&sums)[tokens]) {
  constexpr int chains = tokens < 4 ? 4 : 1;
  constexpr int dot_bits = bits_of_values(bits, look_up);
  constexpr int planes = planes_of(look_up);
  constexpr bool half_blocks = constant_size == block_inputs / 2;
  constexpr int tiles = half_blocks ? block_tiles / 2 : block_tiles;
  using Dot = typename V::template Dot<dot_bits, chains, tiles>;
  const size_t group_size = constant_size == 0 ? layout.group_size : constant_size;
  unrolled<tokens>([&](auto t) __attribute__((always_inline)) { sums[t] = V::zero(); });
  typename V::Table tables[planes]{};
  if constexpr (look_up != LookUp::none) {
    unrolled<planes>([&](auto plane) __attribute__((always_inline)) {
      tables[plane] = V::template load_table<bits>(values.plane[plane]);
    });
  }
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
    Dot dot[planes][tokens];
    unrolled<planes>([&](auto plane) __attribute__((always_inline)) {
      unrolled<tokens>([&](auto t) __attribute__((always_inline)) { dot[plane][t].clear(); });
    });
    if constexpr (half_blocks) {
      if (group % 2 == 0) {
        TARN_PREFETCH_LINES(at, bits * tile_bytes)
        multiply_block<V, bits, look_up, tokens, 0, tiles>(at, tables, codes, group_size, dot);
      } else {
        multiply_block<V, bits, look_up, tokens, tiles, tiles>(at, tables, codes, group_size, dot);
        at += bits * tile_bytes;
      }
    } else {
      for (size_t k = 0; k < group_size; k += block_inputs) {
        TARN_PREFETCH_LINES(at, bits * tile_bytes)
        multiply_block<V, bits, look_up, tokens, 0, tiles>(at, tables, codes, group_size, dot);
        at += bits * tile_bytes;
        codes += block_inputs;
      }
    }
    if constexpr (look_up == LookUp::wide) {
      unrolled<planes>([&](auto plane) __attribute__((always_inline)) {
        const GroupScale<V> s = scale_of_plane<V>(scales[slot], values.unit, plane);
        add_group<V, tokens>(s, in, group, dot[plane], sums);
      });
    } else {
      add_group<V, tokens>(scales[slot], in, group, dot[0], sums);
    }
  }
}

// A panel is read from memory for the first `tokens` and from the cache for those that follow.
template <class V, int bits, LookUp look_up, bool affine, size_t group_size, int tokens>
void stream_tokens(const Layout& layout, const uint8_t* panel, const PanelValues& values,
                   StreamInput in, size_t rows, float* out, size_t out_stride) {
  for (; in.first_token + tokens <= in.all_tokens; in.first_token += tokens) {
    typename V::F sums[tokens];
    stream_panel<V, bits, look_up, affine, group_size, tokens>(layout, panel, values, in, sums);
    unrolled<tokens>([&](auto t) __attribute__((always_inline)) {
      store_rows<V>(out + (in.first_token + t) * out_stride, sums[t], rows);
    });
  }
  if constexpr (tokens > 1) {
    if (in.first_token < in.all_tokens) {
      stream_tokens<V, bits, look_up, affine, group_size, fewer(tokens)>(layout, panel, values, in,
                                                                         rows, out, out_stride);
    }
  }
}

template <class V, int bits, LookUp look_up, bool affine, size_t group_size>
void stream_groups(const PanelMatrix& weights, size_t first_panel, size_t last_panel,
                   const QuantizedActivations& x, size_t tokens, float* out, size_t out_stride) {
  // Two planes have twice the sums.
  constexpr int most_tokens = look_up == LookUp::wide
                                  ? fewer(V::stream_tokens) + (V::stream_tokens == 1 ? 1 : 0)
                                  : V::stream_tokens;
  const Layout layout = layout_of(weights);
  const auto* panels = reinterpret_cast<const uint8_t*>(weights.panels);
  PanelValues values;
  for (size_t panel = first_panel; panel < last_panel; ++panel) {
    const uint8_t* at = panels + panel * layout.stride;
    if constexpr (look_up != LookUp::none) values.load<V>(layout, at);
    stream_tokens<V, bits, look_up, affine, group_size, most_tokens>(
        layout, at, values, {x, 0, tokens}, rows_in_panel(weights, panel), out + panel * panel_rows,
        out_stride);
  }
}

template <class V, int bits, LookUp look_up>
auto stream_of(const PanelFormat& format) {
  if constexpr (look_up == LookUp::wide) {
    return stream_groups<V, bits, look_up, false, 0>;
  } else {
    auto product = format.group_size == 32   ? stream_groups<V, bits, look_up, false, 32>
                   : format.group_size == 64 ? stream_groups<V, bits, look_up, false, 64>
                                             : stream_groups<V, bits, look_up, false, 128>;
    if constexpr (quant::has_half_blocks(bits)) {
      if (format.group_size == 16) product = stream_groups<V, bits, look_up, false, 16>;
    }
    if constexpr (look_up == LookUp::none && bits > 1) {
      if (format.bias == quant::BiasKind::stored) {
        product = format.group_size == 32   ? stream_groups<V, bits, look_up, true, 32>
                  : format.group_size == 64 ? stream_groups<V, bits, look_up, true, 64>
                                            : stream_groups<V, bits, look_up, true, 128>;
      }
    }
    return product;
  }
}

#undef TARN_PREFETCH_LINES

}  // namespace
}  // namespace tarn::cpu
