// GGUF's block formats taken apart: codes and scales as panels want them (quant/panel.h), and the
// values that they stand for.
//
// Every type becomes, without loss, a code a value and scales of one of the kinds of panels: IQ
// types, whose values stand in groups on a grid, become codes into a table of few entries.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tarn/base/half.h"
#include "tarn/quant/ggml_type.h"
#include "tarn/quant/panel.h"

namespace tarn::quant {

// Whether the type is one of quantized weights: blocks that have a panel format.
bool is_weight_type(GgmlType type);

// How a weight type is computed with.
PanelFormat ggml_panel_format(GgmlType type);
// The table of a type whose panels have one; else empty.
std::span<const int8_t> ggml_table(GgmlType type);

// A row of `columns` values taken apart. What the type does not have may be null.
struct GgmlRow {
  uint8_t* codes;  // [columns]
  void* scales;    // [groups]: float16, or a signed byte (ScaleKind::super), or a byte
  void* biases;    // [groups]: float16, or an unsigned byte (BiasKind::mins)
  float16* d;      // [columns / 256] (ScaleKind::super)
  float16* dmin;   // the same (BiasKind::mins)
};

// `blocks`: the row's, at any address. `columns` fills blocks.
void ggml_unpack_row(GgmlType type, size_t columns, const std::byte* blocks, const GgmlRow& out);

// The row's values, float32, as ggml's own code gives them. Plain types (F16, I8, ...) too.
void ggml_decode_row(GgmlType type, size_t columns, const std::byte* blocks, float* out);

}  // namespace tarn::quant
