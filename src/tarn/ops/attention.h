// Scaled dot-product attention.
#pragma once

#include <cstdint>
#include <optional>

#include "tarn/core/array.h"
#include "tarn/quant/kv_format.h"

namespace tarn {

struct AttentionOptions {
  float scale = 1.0F;     // multiplies q . k
  bool causal = false;    // a token sees itself and what stands before it
  int64_t window = 0;     // > 0: of those only the last `window` positions, its own among them
  float soft_cap = 0.0F;  // > 0: logits become soft_cap * tanh(logit / soft_cap)
  std::optional<array> mask =
      {};  // broadcast to [B, Hq, Tq, Tk]: bool (false hides) or float (added)
  std::optional<array> sinks = {};  // [Hq]: one more logit a head in the softmax's denominator
  // k and v are buffers of a cache (ops/kv_cache.h): rows of this type, of D and of value_dim
  // values (0: D). Absent: they are plain arrays.
  std::optional<KvType> kv_type = {};
  int64_t value_dim = 0;
  int64_t key_offset = 0;  // absolute position of the first key
  // int32 []: absolute position of the first query. Keys at positions behind the last query's are
  // rows that nothing was written to yet (k and v are a cache at full capacity): nobody sees them.
  // Absent: the queries are the last Tq of the positions that k covers.
  std::optional<array> position = {};
};

// q [B, Hq, Tq, D], k [B, Hkv, Tk, D], v [B, Hkv, Tk, Dv]; Hkv divides Hq; k and v f32, f16 or bf16
// of any strides with a dense last axis. [B, Hq, Tq, Dv] in q's dtype, stored token by token, so
// that swapaxes(1, 2) and a reshape to [B, Tq, Hq * Dv] move no bytes.
array scaled_dot_product_attention(const array& q, const array& k, const array& v,
                                   const AttentionOptions& options);

}  // namespace tarn
