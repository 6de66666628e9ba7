// Products with float activations: for verification.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "tarn/cpu/isa/qmatmul_gemm.h"

namespace tarn::cpu {
namespace {

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

// values [group_size, 16] of an expanded group, rounded as quant::unpack_row does. `wide`: what the
// bytes stand for where this is not themselves.
template <class V>
void dequantize_group(const Layout& layout, const GroupScale<V>& s, const uint8_t* tiles,
                      const float* wide, float* values) {
  const bool centered = layout.format.bias == quant::BiasKind::offset;
  const typename V::F minus = V::set1(-center_of(layout));
  for (size_t k = 0; k < layout.group_size; k += tile_inputs) {
    const uint8_t* bytes = tiles + k * panel_rows;
    for (size_t i = 0; i < tile_inputs; ++i) {
      if (wide != nullptr) {
        for (size_t row = 0; row < panel_rows; ++row) {
          values[row] = wide[bytes[row * tile_inputs + i]];
        }
        V::store(values, V::mul(V::load(values), s.scale));
      } else {
        const typename V::F u = V::inputs(V::load_tile(bytes), static_cast<int>(i));
        V::store(values,
                 centered ? V::mul(V::add(u, minus), s.scale) : V::add(V::mul(u, s.scale), s.bias));
      }
      values += panel_rows;
    }
  }
}

template <class V>
void matmul_exact(const PanelMatrix& weights, size_t first_panel, size_t last_panel, const float* x,
                  size_t x_stride, size_t tokens, float* out, size_t out_stride) {
  const Layout layout = layout_of(weights);
  const Expand expand_inputs = expand_of<V>(layout.format.bits, layout.table);
  Expanded<V, 1> w;
  alignas(64) float values[max_group_size * panel_rows];
  alignas(64) float sums[token_block * panel_rows];
  for (size_t panel = first_panel; panel < last_panel; ++panel) {
    const uint8_t* const bytes[] = {reinterpret_cast<const uint8_t*>(weights.panels) +
                                    panel * layout.stride};
    WideValues<V> wide;
    if (layout.wide) wide.load(layout, bytes[0]);
    for (size_t first = 0; first < tokens; first += token_block) {
      const size_t count = tokens - first < token_block ? tokens - first : token_block;
      for (size_t i = 0; i < count * panel_rows; ++i) sums[i] = 0;
      for (size_t group = 0; group < layout.groups; ++group) {
        expand(weights, layout, panel, group, expand_inputs, bytes, w);
        dequantize_group<V>(layout, w.scale[0], w.tiles_of(layout, group), wide.values, values);
        multiply_tokens_exact<V, V::exact_tokens>(values, layout.group_size,
                                                  x + first * x_stride + group * layout.group_size,
                                                  x_stride, count, sums);
      }
      write_sums<V, 1>(weights, panel, sums, count, out + first * out_stride, out_stride);
    }
  }
}

}  // namespace
}  // namespace tarn::cpu
