// The products of qmatmul.h, written once over a vector policy V and compiled into each instruction
// set's file. Everything is in an unnamed namespace, and no inline function of another header may
// be called: a linker could otherwise keep the copy that needs AVX-512 for the whole program.
//
// V provides vectors of 16 lanes, one lane a row of the panel:
//   F, I                    16 floats, 16 int32
//   Tile                    64 unsigned bytes: 4 inputs of 16 rows
//   zero, set1, load, store, store_first, add, mul, fma(a, b, c) = a * b + c, to_float
//   load_scales<ScaleType>  16 scales of the panel
//   tile<bits, j>           tile j of a packed block
//   load_tile, store_tile   expanded tiles
//   inputs(tile, i)         input i of the tile's 4, as F
//   Dot<bits, chains>       integer sums of products: add<j>(tile, 4 activations) for j = 0 .. 7 of
//   a
//                           block, then total(); `chains` is how many independent sums hide latency
//   dot_bits(bits)          code widths that share one Dot
//   stream_tokens, gemm_panels, gemm_tokens, exact_tokens   register blocking
//   stream_limit            up to so many tokens are streamed, more are blocked
//   prefetch
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
  return static_cast<size_t>(panel_rows) * (type == ScaleType::f32 ? 4 : 2);
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

// Where things stand in a panel matrix, computed once for a call.
struct Layout {
  size_t group_size;
  size_t groups;
  size_t scale_bytes;  // of 16 scales
  size_t group_bytes;
  size_t stride;  // bytes from panel to panel
};

TARN_INLINE Layout layout_of(const PanelMatrix& weights) {
  Layout layout{};
  layout.group_size = static_cast<size_t>(weights.format.group_size);
  layout.groups = weights.inputs / layout.group_size;
  layout.scale_bytes = scale_row_bytes(weights.format.scale_type);
  layout.group_bytes = 2 * layout.scale_bytes + layout.group_size * panel_rows *
                                                    static_cast<size_t>(weights.format.bits) / 8;
  layout.stride = layout.groups * layout.group_bytes;
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
    default:
      return V::template load_scales<ScaleType::f32>(at);
  }
}

// The one float combination of a group's integer sums, in every path.
template <class V>
TARN_INLINE typename V::F combine(typename V::F sum, typename V::I dot, typename V::F scale,
                                  typename V::F bias, typename V::F x_scale, typename V::F x_sum) {
  sum = V::fma(V::to_float(dot), V::mul(scale, x_scale), sum);
  return V::fma(bias, x_sum, sum);
}

// Few tokens: each panel is one stream from memory, and its codes are used in the registers they
// expand into. `first_token` is where the tokens stand among the `all_tokens` of x.
template <class V, int bits, int tokens>
void stream_panel(const Layout& layout, ScaleType scale_type, const uint8_t* at,
                  const QuantizedActivations& x, size_t first_token, size_t all_tokens,
                  typename V::F (&sums)[tokens]) {
  constexpr int chains = tokens < 4 ? 4 : 1;
  unrolled<tokens>([&](auto t) __attribute__((always_inline)) { sums[t] = V::zero(); });
  for (size_t group = 0; group < layout.groups; ++group) {
    for (size_t line = 0; line < 2 * layout.scale_bytes; line += 64) {
      V::prefetch(at + line + stream_prefetch_distance);
    }
    const typename V::F scale = load_scales<V>(scale_type, at);
    const typename V::F bias = load_scales<V>(scale_type, at + layout.scale_bytes);
    at += 2 * layout.scale_bytes;
    const size_t first = group * all_tokens + first_token;
    const int8_t* codes = x.codes + first * layout.group_size;
    typename V::template Dot<bits, chains> dot[tokens];
    unrolled<tokens>([&](auto t) __attribute__((always_inline)) { dot[t].clear(); });
    for (size_t i = 0; i < layout.group_size; i += block_inputs) {
      for (size_t line = 0; line < bits; ++line) {
        V::prefetch(at + line * 64 + stream_prefetch_distance);
      }
      unrolled<block_tiles>([&](auto j) __attribute__((always_inline)) {
        const typename V::Tile tile = V::template tile<bits, j>(at);
        unrolled<tokens>([&](auto t) __attribute__((always_inline)) {
          dot[t].template add<j>(tile, codes + t * layout.group_size + j * tile_inputs);
        });
      });
      at += bits * tile_bytes;
      codes += block_inputs;
    }
    unrolled<tokens>([&](auto t) __attribute__((always_inline)) {
      sums[t] = combine<V>(sums[t], dot[t].total(), scale, bias, V::set1(x.scales[first + t]),
                           V::set1(x.sums[first + t]));
    });
  }
}

// A panel is read from memory for the first `tokens` and from the cache for those that follow.
template <class V, int bits, int tokens>
void stream_tokens(const Layout& layout, ScaleType scale_type, const uint8_t* panel,
                   const QuantizedActivations& x, size_t first_token, size_t all_tokens,
                   size_t rows, float* out, size_t out_stride) {
  for (; first_token + tokens <= all_tokens; first_token += tokens) {
    typename V::F sums[tokens];
    stream_panel<V, bits, tokens>(layout, scale_type, panel, x, first_token, all_tokens, sums);
    unrolled<tokens>([&](auto t) __attribute__((always_inline)) {
      store_rows<V>(out + (first_token + t) * out_stride, sums[t], rows);
    });
  }
  if constexpr (tokens > 1) {
    if (first_token < all_tokens) {
      stream_tokens<V, bits, fewer(tokens)>(layout, scale_type, panel, x, first_token, all_tokens,
                                            rows, out, out_stride);
    }
  }
}

template <class V, int bits>
void stream(const PanelMatrix& weights, size_t first_panel, size_t last_panel,
            const QuantizedActivations& x, size_t tokens, float* out, size_t out_stride) {
  const Layout layout = layout_of(weights);
  const auto* panels = reinterpret_cast<const uint8_t*>(weights.panels);
  for (size_t panel = first_panel; panel < last_panel; ++panel) {
    stream_tokens<V, bits, V::stream_tokens>(
        layout, weights.format.scale_type, panels + panel * layout.stride, x, 0, tokens,
        rows_in_panel(weights, panel), out + panel * panel_rows, out_stride);
  }
}

// Many tokens: a group of some panels is expanded into the L1 cache once and serves many tokens.

using Expand = void (*)(const uint8_t* codes, size_t group_size, uint8_t* tiles, size_t tile_step);

template <class V, int bits>
void expand_group(const uint8_t* codes, size_t group_size, uint8_t* tiles, size_t tile_step) {
  for (size_t i = 0; i < group_size; i += block_inputs) {
    for (size_t line = 0; line < bits; ++line) {
      V::prefetch(codes + line * 64 + block_prefetch_distance);
    }
    unrolled<block_tiles>([&](auto j) __attribute__((always_inline)) {
      V::store_tile(tiles, V::template tile<bits, j>(codes));
      tiles += tile_step;
    });
    codes += bits * tile_bytes;
  }
}

// One group of some panels, expanded.
template <class V, int panels>
struct Expanded {
  alignas(64) uint8_t tiles[max_group_size / tile_inputs * panels * tile_bytes];
  typename V::F scale[panels];
  typename V::F bias[panels];
};

template <class V, int panels>
void expand(const PanelMatrix& weights, const Layout& layout, size_t first_panel, size_t group,
            Expand expand_codes, Expanded<V, panels>& out) {
  const auto* at = reinterpret_cast<const uint8_t*>(weights.panels) + first_panel * layout.stride +
                   group * layout.group_bytes;
  for (int p = 0; p < panels; ++p) {
    V::prefetch(at + block_prefetch_distance);
    out.scale[p] = load_scales<V>(weights.format.scale_type, at);
    out.bias[p] = load_scales<V>(weights.format.scale_type, at + layout.scale_bytes);
    expand_codes(at + 2 * layout.scale_bytes, layout.group_size, out.tiles + p * tile_bytes,
                 panels * tile_bytes);
    at += layout.stride;
  }
}

// sums [tokens, panels, 16] += one group's share. The group's size is a constant for the sake of
// addresses: with a variable, their computation takes a third of the time.
template <class V, int bits, int panels, int tokens, size_t group_size>
void multiply_group(const Expanded<V, panels>& w, const int8_t* codes, const float* x_scales,
                    const float* x_sums, float* sums) {
  typename V::template Dot<bits, 1> dot[tokens][panels];
  unrolled<tokens>([&](auto t) __attribute__((always_inline)) {
    unrolled<panels>([&](auto p) __attribute__((always_inline)) { dot[t][p].clear(); });
  });
  const uint8_t* tiles = w.tiles;
  for (size_t i = 0; i < group_size; i += block_inputs) {
    unrolled<block_tiles>([&](auto j) __attribute__((always_inline)) {
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
      V::store(at,
               combine<V>(V::load(at), dot[t][p].total(), w.scale[p], w.bias[p], x_scale, x_sum));
    });
  });
}

template <class V, int bits, int panels, int tokens, size_t group_size>
void multiply_tokens(const Expanded<V, panels>& w, const int8_t* codes, const float* x_scales,
                     const float* x_sums, size_t count, float* sums) {
  while (count >= static_cast<size_t>(tokens)) {
    multiply_group<V, bits, panels, tokens, group_size>(w, codes, x_scales, x_sums, sums);
    codes += tokens * group_size;
    x_scales += tokens;
    x_sums += tokens;
    sums += tokens * panels * panel_rows;
    count -= tokens;
  }
  if constexpr (tokens > 1) {
    if (count > 0) {
      multiply_tokens<V, bits, panels, fewer(tokens), group_size>(w, codes, x_scales, x_sums, count,
                                                                  sums);
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
                     Expand expand_codes, const QuantizedActivations& x, size_t tokens, float* out,
                     size_t out_stride) {
  Expanded<V, panels> w;
  alignas(64) float sums[token_block * panels * panel_rows];
  for (size_t first = 0; first < tokens; first += token_block) {
    const size_t count = tokens - first < token_block ? tokens - first : token_block;
    for (size_t i = 0; i < count * panels * panel_rows; ++i) sums[i] = 0;
    float* const block_out = out + first * out_stride;
    for (size_t group = 0; group < layout.groups; ++group) {
      expand(weights, layout, first_panel, group, expand_codes, w);
      // Rows of the output lie far apart: they are fetched while their sums grow.
      for (size_t t = count * group / layout.groups; t < count * (group + 1) / layout.groups; ++t) {
        const float* row = block_out + t * out_stride + first_panel * panel_rows;
        for (int p = 0; p < panels; ++p) __builtin_prefetch(row + p * panel_rows, 1);
      }
      const size_t at = group * tokens + first;
      multiply_tokens<V, bits, panels, V::gemm_tokens, group_size>(
          w, x.codes + at * group_size, x.scales + at, x.sums + at, count, sums);
    }
    write_sums<V, panels>(weights, first_panel, sums, count, block_out, out_stride);
  }
}

template <class V, int bits, size_t group_size>
void multiply_groups(const PanelMatrix& weights, size_t first_panel, size_t last_panel,
                     const QuantizedActivations& x, size_t tokens, float* out, size_t out_stride) {
  const Layout layout = layout_of(weights);
  constexpr Expand expand_codes = expand_group<V, bits>;
  constexpr int dot_bits = V::dot_bits(bits);
  size_t panel = first_panel;
  for (; panel + V::gemm_panels <= last_panel; panel += V::gemm_panels) {
    multiply_panels<V, dot_bits, V::gemm_panels, group_size>(weights, layout, panel, expand_codes,
                                                             x, tokens, out, out_stride);
  }
  for (; panel < last_panel; ++panel) {
    multiply_panels<V, dot_bits, 1, group_size>(weights, layout, panel, expand_codes, x, tokens,
                                                out, out_stride);
  }
}

template <class V, int bits>
void multiply(const PanelMatrix& weights, size_t first_panel, size_t last_panel,
              const QuantizedActivations& x, size_t tokens, float* out, size_t out_stride) {
  const auto product = weights.format.group_size == 32   ? multiply_groups<V, bits, 32>
                       : weights.format.group_size == 64 ? multiply_groups<V, bits, 64>
                                                         : multiply_groups<V, bits, 128>;
  product(weights, first_panel, last_panel, x, tokens, out, out_stride);
}

template <class V, int bits>
void matmul_bits(const PanelMatrix& weights, size_t first_panel, size_t last_panel,
                 const QuantizedActivations& x, size_t tokens, float* out, size_t out_stride) {
  if (tokens <= V::stream_limit) {
    stream<V, bits>(weights, first_panel, last_panel, x, tokens, out, out_stride);
  } else {
    multiply<V, bits>(weights, first_panel, last_panel, x, tokens, out, out_stride);
  }
}

template <class V>
void matmul(const PanelMatrix& weights, size_t first_panel, size_t last_panel,
            const QuantizedActivations& x, size_t tokens, float* out, size_t out_stride) {
  using Function = decltype(&matmul<V>);
  constexpr Function by_bits[] = {nullptr,           nullptr,           matmul_bits<V, 2>,
                                  matmul_bits<V, 3>, matmul_bits<V, 4>, matmul_bits<V, 5>,
                                  matmul_bits<V, 6>, nullptr,           matmul_bits<V, 8>};
  by_bits[weights.format.bits](weights, first_panel, last_panel, x, tokens, out, out_stride);
}

// Float activations. Within a group the inputs k, k + 4, k + 8, ... make one of four running sums,
// which are then added as (s0 + s1) + (s2 + s3) and to the output's sum.
template <class V, int tokens>
void multiply_group_exact(const float* values, size_t group_size, const float* x, size_t x_stride,
                          float* sums) {
  typename V::F partial[tokens][tile_inputs];
  for (auto& of_token : partial) {
    for (auto& value : of_token) value = V::zero();
  }
  for (size_t k = 0; k < group_size; k += tile_inputs) {
    for (size_t i = 0; i < tile_inputs; ++i) {
      const typename V::F w = V::load(values + (k + i) * panel_rows);
      for (int t = 0; t < tokens; ++t) {
        const float input = x[static_cast<size_t>(t) * x_stride + k + i];
        partial[t][i] = V::fma(w, V::set1(input), partial[t][i]);
      }
    }
  }
  for (int t = 0; t < tokens; ++t) {
    const auto& s = partial[t];
    const typename V::F total = V::add(V::add(s[0], s[1]), V::add(s[2], s[3]));
    V::store(sums + t * panel_rows, V::add(V::load(sums + t * panel_rows), total));
  }
}

template <class V, int tokens>
void multiply_tokens_exact(const float* values, size_t group_size, const float* x, size_t x_stride,
                           size_t count, float* sums) {
  while (count >= static_cast<size_t>(tokens)) {
    multiply_group_exact<V, tokens>(values, group_size, x, x_stride, sums);
    x += tokens * x_stride;
    sums += tokens * panel_rows;
    count -= tokens;
  }
  if constexpr (tokens > 1) {
    if (count > 0) {
      multiply_tokens_exact<V, fewer(tokens)>(values, group_size, x, x_stride, count, sums);
    }
  }
}

// values [group_size, 16] of an expanded group, rounded as quant::affine_decode does.
template <class V>
void dequantize_group(const Expanded<V, 1>& w, size_t group_size, float* values) {
  for (size_t k = 0; k < group_size; k += tile_inputs) {
    const typename V::Tile tile = V::load_tile(w.tiles + k * panel_rows);
    for (int i = 0; i < tile_inputs; ++i) {
      V::store(values, V::add(V::mul(V::inputs(tile, i), w.scale[0]), w.bias[0]));
      values += panel_rows;
    }
  }
}

template <class V>
void matmul_exact(const PanelMatrix& weights, size_t first_panel, size_t last_panel, const float* x,
                  size_t x_stride, size_t tokens, float* out, size_t out_stride) {
  constexpr Expand expand_bits[] = {nullptr,
                                    nullptr,
                                    expand_group<V, 2>,
                                    expand_group<V, 3>,
                                    expand_group<V, 4>,
                                    expand_group<V, 5>,
                                    expand_group<V, 6>,
                                    nullptr,
                                    expand_group<V, 8>};
  const Layout layout = layout_of(weights);
  Expanded<V, 1> w;
  alignas(64) float values[max_group_size * panel_rows];
  alignas(64) float sums[token_block * panel_rows];
  for (size_t panel = first_panel; panel < last_panel; ++panel) {
    for (size_t first = 0; first < tokens; first += token_block) {
      const size_t count = tokens - first < token_block ? tokens - first : token_block;
      for (size_t i = 0; i < count * panel_rows; ++i) sums[i] = 0;
      for (size_t group = 0; group < layout.groups; ++group) {
        expand(weights, layout, panel, group, expand_bits[weights.format.bits], w);
        dequantize_group<V>(w, layout.group_size, values);
        multiply_tokens_exact<V, V::exact_tokens>(values, layout.group_size,
                                                  x + first * x_stride + group * layout.group_size,
                                                  x_stride, count, sums);
      }
      write_sums<V, 1>(weights, panel, sums, count, out + first * out_stride, out_stride);
    }
  }
}

// Plain loops that the compiler turns into vectors. Comparing magnitudes as integers puts
// infinities and NaNs above every number.
TARN_INLINE void quantize_group(const float* x, size_t group_size, int8_t* codes, float& scale,
                                float& sum) {
  constexpr uint32_t infinity = 0x7f800000;
  uint32_t largest = 0;
  for (size_t i = 0; i < group_size; ++i) {
    const uint32_t magnitude = __builtin_bit_cast(uint32_t, x[i]) & 0x7fffffffU;
    largest = magnitude > largest ? magnitude : largest;
  }
  const float magnitude = __builtin_bit_cast(float, largest);
  if (largest >= infinity || magnitude < 0x1p-100F) {
    for (size_t i = 0; i < group_size; ++i) codes[i] = 0;
    scale = largest >= infinity ? __builtin_nanf("") : 0;
    sum = scale;
    return;
  }
  const float inverse = 127 / magnitude;
  int32_t total = 0;
  for (size_t i = 0; i < group_size; ++i) {
    const auto code = static_cast<int32_t>(__builtin_rintf(x[i] * inverse));
    codes[i] = static_cast<int8_t>(code);
    total += code;
  }
  scale = magnitude / 127;
  sum = scale * static_cast<float>(total);
}

// Not a template over V, but one copy for each instruction set all the same.
void quantize_activations(const float* x, size_t x_stride, size_t tokens, size_t inputs,
                          int group_size, size_t first_token, size_t last_token,
                          const QuantizedActivations& out) {
  const auto size = static_cast<size_t>(group_size);
  for (size_t t = first_token; t < last_token; ++t) {
    for (size_t group = 0; group < inputs / size; ++group) {
      const size_t at = group * tokens + t;
      quantize_group(x + t * x_stride + group * size, size, out.codes + at * size, out.scales[at],
                     out.sums[at]);
    }
  }
}

template <class V>
constexpr QMatmulKernels qmatmul_table() {
  return {quantize_activations, matmul<V>, matmul_exact<V>};
}

}  // namespace
}  // namespace tarn::cpu

#undef TARN_INLINE
