// Caches of keys and values: buffers of rows (quant/kv_format.h) that tokens are written into.
#pragma once

#include "tarn/core/array.h"
#include "tarn/quant/kv_format.h"

namespace tarn {

// A new buffer for [batch, heads, capacity] rows of `dim` values, not initialized: float32 or
// bfloat16 [B, H, capacity, dim], or uint8 [B, H, capacity, kv_row_bytes].
array make_kv_buffer(KvType type, int64_t batch, int64_t heads, int64_t capacity, int64_t dim);

// Error "[op] ..." unless `buffer` holds rows of `dim` values.
void check_kv_buffer(const array& buffer, KvType type, int64_t dim, const char* op);

// `buffer` with x [B, H, T, dim] written into its rows from first - offset on. first: int32 [], the
// absolute position of x's first token; offset: that of row 0. Works in place when nobody else
// holds the buffer. Rows outside the buffer are an error of the evaluation.
array kv_update(const array& buffer, const array& x, const array& first, KvType type,
                int64_t offset = 0);

// The values of a buffer (or of some of its rows), float32 [B, H, T, dim].
array kv_read(const array& buffer, KvType type, int64_t dim);

}  // namespace tarn
