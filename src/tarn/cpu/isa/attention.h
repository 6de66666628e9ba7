// Scaled dot-product attention with online softmax; K and V are read once for each tile of queries.
//
// The order of summation is fixed by absolute key positions. Keys are grouped in chunks
// [256c, 256c + 256); each query makes a partial result (max, sum, accumulator) of a chunk, and the
// partials are combined in ascending order. A chunk in which a query sees no key changes nothing,
// so a query's bits do not depend on how the queries were tiled, how many threads worked, whether
// the chunks were done by one call or several, or where the cache starts.
//
// Two ways to do the same work:
//   attention           one call does a tile of queries over all its chunks: prefill
//   attention_partial   one item is a tile and one chunk; the partials go to memory, and
//   attention_combine   finishes them after a barrier: decode, where few queries meet many keys
#pragma once

#include <cstddef>
#include <cstdint>

#include "tarn/cpu/isa/kernel_table.h"

namespace tarn::cpu {

// How keys and values are stored; int8 and int4 are rows of quant/kv_format.h.
enum class KvStorage : uint8_t { f32, f16, bf16, int8, int4 };

// One sequence. Strides are in elements (bytes for int8 and int4); the last dimension is contiguous
// unless a stride is given. Query head h uses KV head h / (q_heads / kv_heads). out may be q itself
// (same strides, Dv = D) with attention, not with attention_partial.
struct AttentionArgs {
  const float* q;  // [q_heads, Tq, D]
  int64_t q_head_stride, q_token_stride;
  const void* k;  // [kv_heads, Tk, D] of kv_type
  int64_t k_head_stride, k_token_stride;
  const void* v;  // [kv_heads, Tk, Dv] of kv_type
  int64_t v_head_stride, v_token_stride;
  KvStorage kv_type;
  float* out;  // [q_heads, Tq, Dv]
  int64_t out_head_stride, out_token_stride;
  int64_t q_heads, kv_heads;
  int64_t q_tokens, k_tokens;  // Tq, Tk
  int64_t qk_dim, v_dim;       // D, Dv

  float scale = 1.F;     // multiplies q . k
  float soft_cap = 0.F;  // > 0: logits become soft_cap * tanh(logit / soft_cap)
  int64_t q_offset = 0;  // absolute position of query 0
  int64_t k_offset = 0;  // absolute position of key 0, >= 0
  bool causal = false;   // a query at position p sees keys at positions <= p
  int64_t window = 0;    // > 0: only keys at positions > p - window
  // At most one of the masks; both are [q_heads, Tq, Tk] by strides (0 where it is broadcast).
  const float* additive_mask = nullptr;   // added to the logit; -inf hides the key
  const uint8_t* boolean_mask = nullptr;  // 0 hides the key
  int64_t mask_head_stride = 0, mask_query_stride = 0, mask_key_stride = 0;
  const float* sinks = nullptr;  // [q_heads]: one more logit in the softmax's denominator
};

constexpr int64_t attention_chunk = 256;    // keys
constexpr int64_t attention_row_tile = 48;  // rows: (query, head of the group) pairs of a KV head

// Row tiles of all KV heads: the items of `attention`.
int64_t attention_items(const AttentionArgs& args);
// Chunks that any query can see (by position; masks are not looked at); 0 when there are none.
int64_t attention_chunks(const AttentionArgs& args);
// An upper bound on them, wherever the queries stand among positions up to the last key's.
int64_t attention_most_chunks(const AttentionArgs& args);
// Items of `attention_partial`: attention_items * attention_chunks, chunks running fastest.
int64_t attention_partial_items(const AttentionArgs& args);
// Rows of `attention_combine`: q_heads * q_tokens.
int64_t attention_rows(const AttentionArgs& args);
// Memory for a thread's working set, and for the partials of so many chunks (shared by the
// threads); 64-byte aligned.
size_t attention_scratch_bytes(const AttentionArgs& args);
size_t attention_partials_bytes(const AttentionArgs& args, int64_t chunks);

// A query that sees no key gives zeros (it has no distribution; zeros keep the layer finite).
struct AttentionKernels {
  void (*attention)(const AttentionArgs& args, int64_t item0, int64_t item1, void* scratch);
  void (*attention_partial)(const AttentionArgs& args, int64_t item0, int64_t item1, void* partials,
                            void* scratch);
  void (*attention_combine)(const AttentionArgs& args, int64_t row0, int64_t row1,
                            const void* partials);
};

// A fourth table: prefill against rounded keys and values multiplies pairs of bfloat16 where they
// exist. A query's bits then depend on whether it came with 63 others or not.
namespace detail {
extern const AttentionKernels attention_avx512bf16;
}
TARN_DECLARE_KERNEL_TABLES(AttentionKernels, attention);

}  // namespace tarn::cpu
