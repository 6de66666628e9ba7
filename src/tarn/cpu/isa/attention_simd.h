// The vector bodies of attention.h. For the includers of vec.h.
//
// A tile is up to attention_row_tile rows of one KV head; a row is a (query, head of the group)
// pair, so that grouped heads share what is read. Logits of a row are indexed by the key's place in
// its chunk: lanes and orders depend on absolute positions alone. Keys that one row does not see
// but another of the tile does have weight 0, which adds nothing, not even a rounding.
#pragma once

#include "tarn/cpu/isa/attention_plan.h"
#include "tarn/cpu/isa/dot_tile_simd.h"
#include "tarn/cpu/isa/kv_rows_simd.h"
#include "tarn/cpu/isa/vec_math.h"
#if defined(__AVX512BF16__)
#include "tarn/cpu/isa/attention_bf16_simd.h"
#endif

namespace tarn::cpu {
namespace {

inline int64_t padded(int64_t n) { return (n + 15) / 16 * 16; }
inline int64_t padded_group(int64_t n) { return kv_groups(n) * kv_group; }
constexpr float minus_infinity = -__builtin_inff();

// The rows of one tile and a thread's working memory.
struct Tile {
  explicit Tile(const AttentionArgs& a) : args(a) {}

  const AttentionArgs& args;
  int64_t kv_head, rows;
  int64_t head[attention_row_tile];   // query head
  int64_t token[attention_row_tile];  // query
  float* queries;                     // [rows, padded(D)], times scale
  float* logits;                      // [rows, attention_chunk]; then the weights
  float* keys;                        // [4, padded_group(D)]: keys widened to float
  float* values;  // [value_block_rows, value_block_columns]: values widened to float
  // The partial of the chunk at hand.
  float max[attention_row_tile];
  float sum[attention_row_tile];
  float* acc[attention_row_tile];  // [padded(Dv)]

  // The keys of the next chunk, fetched while the values of this one are multiplied: the values
  // come out of the caches then, and the memory would have nothing to do.
  const char* ahead = nullptr;
  const char* ahead_end = nullptr;
  int64_t ahead_bytes = 0;  // at each slot of each group of columns
  TARN_INLINE void fetch_ahead() {
    const char* const stop = ahead + ahead_bytes < ahead_end ? ahead + ahead_bytes : ahead_end;
    for (; ahead < stop; ahead += 64) __builtin_prefetch(ahead, 0, 2);
  }
};

// As many columns at once as registers allow; few rows take more to keep the units busy.
inline int64_t wide_columns(const Tile& tile) { return (tile.rows <= 2 ? 8 : 4) * Vec::lanes; }

// Sets the tile's rows and copies its queries. Leaves acc to the caller.
inline void begin_tile(Tile& tile, const AttentionPlan& plan, int64_t item, float* scratch) {
  const AttentionArgs& args = tile.args;
  const int64_t begin = item % plan.tiles * attention_row_tile;
  const int64_t dim = padded(args.qk_dim);
  tile.kv_head = item / plan.tiles;
  tile.rows = min_of(attention_row_tile, plan.rows - begin);
  tile.queries = scratch;
  tile.logits = tile.queries + attention_row_tile * dim;
  tile.keys = tile.logits + attention_row_tile * attention_chunk;
  tile.values = tile.keys + 4 * padded_group(args.qk_dim);
  const Vec scale = set1(args.scale);
  for (int64_t r = 0; r < tile.rows; ++r) {
    tile.token[r] = (begin + r) / plan.group;
    tile.head[r] = tile.kv_head * plan.group + (begin + r) % plan.group;
    const float* q =
        args.q + tile.head[r] * args.q_head_stride + tile.token[r] * args.q_token_stride;
    float* copy = tile.queries + r * dim;
    for_lanes(args.qk_dim,
              [=](int64_t i, int count) { store(copy + i, load(q + i, count) * scale, count); });
  }
}

// logits[r][slot ...] of up to four keys for rows [first, first + RT).
template <typename K, int RT>
inline void four_logits(Tile& tile, const K* const (&keys)[4], int64_t first, int64_t slot,
                        int64_t count) {
  const int64_t dim = padded(tile.args.qk_dim);
  const float* q[RT];
  for (int t = 0; t < RT; ++t) q[t] = tile.queries + (first + t) * dim;
  DotTile<4, RT> tile_sums;
  tile_sums.clear();
  tile_sums.accumulate(keys, q, tile.args.qk_dim);
  const auto& acc = tile_sums.acc;
  unrolled<RT>([&](auto t) TARN_INLINE {
    store_sums(acc[0][t], acc[1][t], acc[2][t], acc[3][t],
               tile.logits + (first + t) * attention_chunk + slot, count);
  });
}

// Rows [begin, end) of K or V into the caches: a row is a short stretch of a longer stride, which
// the hardware does not foresee.
template <typename T>
inline void prefetch_rows(const T* data, int64_t stride, int64_t dim, int64_t begin, int64_t end) {
  constexpr int64_t size = sizeof(T);
  int64_t bytes = dim * size;
  if constexpr (std::is_same_v<T, Int8Row>) bytes = kv_row_bytes(KvType::int8, dim);
  if constexpr (std::is_same_v<T, Int4Row>) bytes = kv_row_bytes(KvType::int4, dim);
  for (int64_t i = begin; i < end; ++i)
    for (int64_t d = 0; d < bytes; d += 64)
      __builtin_prefetch(reinterpret_cast<const char*>(data + i * stride) + d, 0, 3);
}

// q . k for the tile's rows and the keys in slots [begin, end) of the chunk at position `chunk`.
template <typename K>
void fill_logits(Tile& tile, int64_t chunk, int64_t begin, int64_t end) {
  const AttentionArgs& args = tile.args;
  const auto* const k = static_cast<const K*>(args.k) + tile.kv_head * args.k_head_stride;
  const auto* const v = static_cast<const K*>(args.v) + tile.kv_head * args.v_head_stride;
  const int64_t last = chunk - args.k_offset + end;
  for (int64_t slot = begin; slot < end; slot += 4) {
    const int64_t row = chunk - args.k_offset + slot;
    const K* keys[4];
    for (int i = 0; i < 4; ++i) keys[i] = k + min_of(row + i, last - 1) * args.k_token_stride;
    prefetch_rows(k, args.k_token_stride, args.qk_dim, row + 16, min_of(row + 20, last));
    prefetch_rows(v, args.v_token_stride, args.v_dim, row, min_of(row + 4, last));
    const int64_t count = end - slot;
    // A few rows read plain keys as they are; all else reads converted ones.
    const auto rows_of = [&](const auto& of) {
      using T = std::remove_cvref_t<decltype(*of[0])>;
      for (int64_t r = 0; r < tile.rows; r += dot_tile_rows)
        with_rows(min_of(dot_tile_rows, tile.rows - r), [&](auto rows) {
          four_logits<T, decltype(rows)::value>(tile, of, r, slot, count);
        });
    };
    if constexpr (!is_quantized<K>) {
      if (tile.rows <= dot_tile_rows || std::is_same_v<K, float>) {
        rows_of(keys);
        continue;
      }
    }
    const float* wide[4];
    for (int i = 0; i < 4; ++i) {
      float* copy = tile.keys + i * padded_group(args.qk_dim);
      widen_row(keys[i], args.qk_dim, 0, args.qk_dim, copy);
      wide[i] = copy;
    }
    rows_of(wide);
  }
}

inline void apply_mask(const Tile& tile, int64_t r, float* logits, int64_t chunk, int64_t begin,
                       int64_t end) {
  const AttentionArgs& args = tile.args;
  if (args.additive_mask == nullptr && args.boolean_mask == nullptr) return;
  const int64_t row = tile.head[r] * args.mask_head_stride + tile.token[r] * args.mask_query_stride;
  for (int64_t slot = begin; slot < end; ++slot) {
    const int64_t at = row + (chunk + slot - args.k_offset) * args.mask_key_stride;
    if (args.additive_mask != nullptr) {
      logits[slot] += args.additive_mask[at];
    } else if (args.boolean_mask[at] == 0) {
      logits[slot] = minus_infinity;
    }
  }
}

// Turns a row's logits into weights exp(logit - max), 0 where it does not see the key, for the
// slots [begin, end) that the tile needs; the row itself sees [own_begin, own_end).
inline void weigh_row(Tile& tile, int64_t r, int64_t chunk, int64_t begin, int64_t end,
                      int64_t own_begin, int64_t own_end) {
  float* logits = tile.logits + r * attention_chunk;
  // Whole vectors, at their places in the chunk.
  const int64_t first = begin / Vec::lanes * Vec::lanes;
  const int64_t last = (end + Vec::lanes - 1) / Vec::lanes * Vec::lanes;
  for (int64_t i = first; i < own_begin; ++i) logits[i] = minus_infinity;
  for (int64_t i = max_of(own_end, first); i < last; ++i) logits[i] = minus_infinity;
  if (tile.args.soft_cap > 0.F && own_begin < own_end) {
    const Vec cap = set1(tile.args.soft_cap);
    for (int64_t i = first; i < last; i += Vec::lanes) {
      const Vec x = load(logits + i);
      const Mask hidden = x == set1(minus_infinity);
      store(logits + i, select(hidden, x, cap * tanh(x / cap)));
    }
  }
  apply_mask(tile, r, logits, chunk, own_begin, own_end);
  Vec tops = set1(minus_infinity);
  for (int64_t i = first; i < last; i += Vec::lanes) tops = max(load(logits + i), tops);
  tile.max[r] = max_lane(tops);
  const Vec shift = set1(tile.max[r] == minus_infinity ? 0.F : tile.max[r]);
  Vec total = zero();
  for (int64_t i = first; i < last; i += Vec::lanes) {
    const Vec weight = exp(load(logits + i) - shift);
    store(logits + i, weight);
    total = total + weight;
  }
  tile.sum[r] = sum(total);
}

// acc[r][d ... d + NV vectors) = (what stands there, or 0 at the first) + the sum over the slots of
// weight * v, in ascending order, for RT rows. v: the row of slot `begin`, from column d on. A
// count below the lanes (NV is 1 then) marks the part of a vector that is left of Dv.
template <typename V, int RT, int NV>
inline void weighted_values(Tile& tile, const V* v, int64_t stride, bool first_block, int64_t first,
                            int64_t begin, int64_t end, int64_t d, int count) {
  const float* weights[RT];
  for (int t = 0; t < RT; ++t) weights[t] = tile.logits + (first + t) * attention_chunk;
  Vec acc[RT][NV];
  unrolled<RT>([&](auto t) TARN_INLINE {
    unrolled<NV>([&](auto i) TARN_INLINE {
      acc[t][i] = first_block ? zero() : load(tile.acc[first + t] + d + i * Vec::lanes);
    });
  });
  for (int64_t slot = begin; slot < end; ++slot) {
    const V* row = v + (slot - begin) * stride;
    if (first == 0) tile.fetch_ahead();
    Vec values[NV];
    unrolled<NV>([&](auto i) TARN_INLINE { values[i] = load(row + i * Vec::lanes, count); });
    unrolled<RT>([&](auto t) TARN_INLINE {
      const Vec weight = set1(weights[t][slot]);
      unrolled<NV>([&](auto i) TARN_INLINE { acc[t][i] = fma(weight, values[i], acc[t][i]); });
    });
  }
  unrolled<RT>([&](auto t) TARN_INLINE {
    unrolled<NV>([&](auto i)
                     TARN_INLINE { store(tile.acc[first + t] + d + i * Vec::lanes, acc[t][i]); });
  });
}

// All rows of the tile against the slots' columns [d0, d1); v: the row of slot `begin` from d0 on.
template <typename V>
void accumulate_columns(Tile& tile, const V* v, int64_t stride, bool first_block, int64_t begin,
                        int64_t end, int64_t d0, int64_t d1) {
  constexpr int lanes = Vec::lanes;
  const int64_t wide = wide_columns(tile);
  for (int64_t d = d0; d < d1;) {
    const int64_t left = d1 - d;
    const int64_t columns = left >= wide ? wide : left >= 4 * lanes ? 4 * lanes : lanes;
    const V* at = v + (d - d0);
    for (int64_t r = 0; r < tile.rows; r += dot_tile_rows) {
      with_rows(min_of(dot_tile_rows, tile.rows - r), [&](auto rows) {
        constexpr int count = decltype(rows)::value;
        if (columns == lanes) {
          const int part = static_cast<int>(min_of(left, lanes));
          weighted_values<V, count, 1>(tile, at, stride, first_block, r, begin, end, d, part);
        } else if (columns == 4 * lanes) {
          weighted_values<V, count, 4>(tile, at, stride, first_block, r, begin, end, d, lanes);
        } else if constexpr (count <= 2) {
          weighted_values<V, count, 8>(tile, at, stride, first_block, r, begin, end, d, lanes);
        }
      });
    }
    d += columns;
  }
}

template <typename V>
void accumulate_values(Tile& tile, int64_t chunk, int64_t begin, int64_t end) {
  const AttentionArgs& args = tile.args;
  const int64_t stride = args.v_token_stride;
  const V* const v = static_cast<const V*>(args.v) + tile.kv_head * args.v_head_stride +
                     (chunk - args.k_offset) * stride;
  // As in fill_logits.
  if constexpr (!is_quantized<V>) {
    if (tile.rows <= dot_tile_rows || std::is_same_v<V, float>) {
      accumulate_columns(tile, v + begin * stride, stride, true, begin, end, 0, args.v_dim);
      return;
    }
  }
  for (int64_t d = 0; d < args.v_dim; d += value_block_columns) {
    const int64_t d_end = min_of(args.v_dim, d + value_block_columns);
    for (int64_t block = begin; block < end; block += value_block_rows) {
      const int64_t block_end = min_of(end, block + value_block_rows);
      for (int64_t slot = block; slot < block_end; ++slot) {
        widen_row(v + slot * stride, args.v_dim, d, d_end,
                  tile.values + (slot - block) * value_block_columns);
      }
      accumulate_columns(tile, static_cast<const float*>(tile.values), value_block_columns,
                         block == begin, block, block_end, d, d_end);
    }
  }
}

#if defined(__AVX512BF16__)

// The tile's queries, rounded, over its float ones; so below with the weights over the logits.
inline bfloat16* rounded_queries(const Tile& tile) {
  return reinterpret_cast<bfloat16*>(tile.queries);
}

inline void round_queries(Tile& tile) {
  const int64_t dim = tile.args.qk_dim;
  bfloat16* to = rounded_queries(tile);
  // A row of half the bytes never overtakes the float row it comes from.
  for (int64_t r = 0; r < tile.rows; ++r)
    round_row(tile.queries + r * padded(dim), dim, to + r * dim);
}

template <typename K>
void fill_bf16_logits(Tile& tile, int64_t chunk, int64_t begin, int64_t end) {
  const AttentionArgs& args = tile.args;
  const int64_t dim = args.qk_dim;
  const auto* const k = static_cast<const K*>(args.k) + tile.kv_head * args.k_head_stride;
  const int64_t last = chunk - args.k_offset + end;
  for (int64_t slot = begin; slot < end; slot += 4) {
    const int64_t row = chunk - args.k_offset + slot;
    const bfloat16* keys[4];
    prefetch_rows(k, args.k_token_stride, dim, row + 16, min_of(row + 20, last));
    for (int i = 0; i < 4; ++i) {
      const K* key = k + min_of(row + i, last - 1) * args.k_token_stride;
      if constexpr (std::is_same_v<K, bfloat16>) {
        keys[i] = key;
      } else {
        float* wide = tile.keys + i * padded_group(dim);
        widen_row(key, dim, 0, dim, wide);
        auto* rounded = reinterpret_cast<bfloat16*>(wide);
        round_row(wide, dim, rounded);
        keys[i] = rounded;
      }
    }
    for (int64_t r = 0; r < tile.rows; r += dot_tile_rows) {
      with_rows(min_of(dot_tile_rows, tile.rows - r), [&](auto rows) {
        four_bf16_logits<decltype(rows)::value>(keys, rounded_queries(tile) + r * dim, dim,
                                                tile.logits + r * attention_chunk + slot,
                                                end - slot);
      });
    }
  }
}

template <typename V>
void accumulate_bf16_values(const Tile& tile, int64_t chunk, int64_t begin, int64_t end) {
  const AttentionArgs& args = tile.args;
  const V* const v = static_cast<const V*>(args.v) + tile.kv_head * args.v_head_stride +
                     (chunk - args.k_offset) * args.v_token_stride;
  auto* const weights = reinterpret_cast<bfloat16*>(tile.logits);
  const int64_t first = begin / 2 * 2;
  const int64_t last = (end + 1) / 2 * 2;
  for (int64_t r = 0; r < tile.rows; ++r) {
    // What weigh_row left are whole vectors; nothing else of the row is read below.
    const int64_t from = begin / Vec::lanes * Vec::lanes;
    const int64_t to = (end + Vec::lanes - 1) / Vec::lanes * Vec::lanes;
    round_row(tile.logits + r * attention_chunk + from, to - from,
              weights + r * attention_chunk + from);
  }
  auto* const pairs = reinterpret_cast<__m512i*>(tile.values);
  const auto row_of = [&](int64_t slot, int64_t d, __m256i(&out)[4]) {
    if (slot >= begin && slot < end) {
      round_values(v + slot * args.v_token_stride, args.v_dim, d, out);
    } else {
      for (__m256i& part : out) part = _mm256_setzero_si256();
    }
  };
  for (int64_t d = 0; d < args.v_dim; d += value_block_columns) {
    for (int64_t block = first; block < last; block += value_block_rows) {
      const int64_t count = min_of(last - block, value_block_rows) / 2;
      for (int64_t p = 0; p < count; ++p) {
        __m256i even[4], odd[4];
        row_of(block + p * 2, d, even);
        row_of(block + p * 2 + 1, d, odd);
        for (int i = 0; i < 4; ++i)
          _mm512_store_si512(pairs + p * 4 + i, interleaved(even[i], odd[i]));
      }
      for (int64_t r = 0; r < tile.rows; r += dot_tile_rows) {
        with_rows(min_of(dot_tile_rows, tile.rows - r), [&](auto rows) {
          weighted_pairs<decltype(rows)::value>(weights + r * attention_chunk + block, pairs, count,
                                                tile.acc + r, d, block == first);
        });
      }
    }
  }
}

inline void prepare_queries(Tile& tile) {
  if (uses_bf16_dots(tile.args)) round_queries(tile);
}

#else
inline void prepare_queries(Tile& /*tile*/) {}
#endif

// The partials (max, sum, acc) of the tile's rows over one chunk.
template <typename KV>
void chunk_partials(Tile& tile, int64_t chunk_index) {
  const AttentionArgs& args = tile.args;
  const int64_t chunk = chunk_index * attention_chunk;
  int64_t own_begin[attention_row_tile], own_end[attention_row_tile];
  int64_t begin = attention_chunk;
  int64_t end = 0;
  for (int64_t r = 0; r < tile.rows; ++r) {
    const KeyRange seen = visible_keys(args, tile.token[r]);
    own_begin[r] = max_of(seen.begin - chunk, 0);
    own_end[r] = max_of(own_begin[r], min_of(seen.end - chunk, attention_chunk));
    if (own_begin[r] < own_end[r]) {
      begin = min_of(begin, own_begin[r]);
      end = max_of(end, own_end[r]);
    }
  }
  if (begin >= end) {
    for (int64_t r = 0; r < tile.rows; ++r) {
      tile.max[r] = minus_infinity;
      tile.sum[r] = 0.F;
    }
    return;
  }
#if defined(__AVX512BF16__)
  const bool pairs = uses_bf16_dots(args);
  if constexpr (!std::is_same_v<KV, float> && !std::is_same_v<KV, float16>) {
    if (pairs) fill_bf16_logits<KV>(tile, chunk, begin, end);
  }
#else
  constexpr bool pairs = false;
#endif
  if (!pairs) fill_logits<KV>(tile, chunk, begin, end);
  for (int64_t r = 0; r < tile.rows; ++r) {
    // A row that sees nothing here still needs its zeros.
    const int64_t row_begin = own_begin[r] < own_end[r] ? own_begin[r] : end;
    const int64_t row_end = own_begin[r] < own_end[r] ? own_end[r] : end;
    weigh_row(tile, r, chunk, begin, end, row_begin, row_end);
  }
#if defined(__AVX512BF16__)
  if constexpr (!std::is_same_v<KV, float> && !std::is_same_v<KV, float16>) {
    if (pairs) return accumulate_bf16_values<KV>(tile, chunk, begin, end);
  }
#endif
  accumulate_values<KV>(tile, chunk, begin, end);
}

// A row's result over the chunks so far.
struct Running {
  float max, sum;
  float* acc;
};

inline float exp_of(float x) {
  float lanes[Vec::lanes];
  store(lanes, exp(set1(x)));
  return lanes[0];
}

inline void combine(Running& total, float part_max, float part_sum, const float* part_acc,
                    int64_t v_dim) {
  if (part_max == minus_infinity) return;
  const float top = part_max > total.max ? part_max : total.max;
  const Vec keep = exp(set1(total.max - top));
  const Vec take = exp(set1(part_max - top));
  for_lanes(v_dim, [&](int64_t i, int count) {
    const Vec kept = load(total.acc + i, count) * keep;
    store(total.acc + i, fma(load(part_acc + i, count), take, kept), count);
  });
  total.sum = __builtin_fmaf(part_sum, exp_of(part_max - top), total.sum * exp_of(total.max - top));
  total.max = top;
}

inline void finish(const AttentionArgs& args, int64_t head, int64_t token, const Running& total) {
  float weight = 1.F;
  float sum_of_all = total.sum;
  if (args.sinks != nullptr) {
    const float sink = args.sinks[head];
    const float top = sink > total.max ? sink : total.max;
    weight = exp_of(total.max - top);
    sum_of_all = total.sum * weight + exp_of(sink - top);
  }
  const Vec factor = set1(total.sum == 0.F ? 0.F : weight / sum_of_all);
  float* out = args.out + head * args.out_head_stride + token * args.out_token_stride;
  for_lanes(args.v_dim, [&](int64_t i, int count) {
    store(out + i, load(total.acc + i, count) * factor, count);
  });
}

void attention(const AttentionArgs& args, int64_t item0, int64_t item1, void* scratch) {
  const AttentionPlan plan = attention_plan(args);
  const int64_t dim = padded(args.v_dim);
  // Chunk accumulators, running accumulators, then what begin_tile lays out.
  auto* const parts = static_cast<float*>(scratch);
  float* const totals = parts + attention_row_tile * dim;
  Tile tile(args);
  for (int64_t item = item0; item < item1; ++item) {
    begin_tile(tile, plan, item, totals + attention_row_tile * dim);
    prepare_queries(tile);
    Running running[attention_row_tile];
    for (int64_t r = 0; r < tile.rows; ++r) {
      tile.acc[r] = parts + r * dim;
      running[r] = {minus_infinity, 0.F, totals + r * dim};
      for_lanes(dim, [&](int64_t i, int count) { store(totals + r * dim + i, zero(), count); });
    }
    for (int64_t c = 0; c < plan.chunks; ++c) {
      with_storage(args.kv_type,
                   [&]<typename KV>(const KV*) { chunk_partials<KV>(tile, plan.first_chunk + c); });
      for (int64_t r = 0; r < tile.rows; ++r)
        combine(running[r], tile.max[r], tile.sum[r], tile.acc[r], args.v_dim);
    }
    for (int64_t r = 0; r < tile.rows; ++r) finish(args, tile.head[r], tile.token[r], running[r]);
  }
}

// Sets what to fetch beside chunk `chunk`: the rows of the next one, where they lie together.
template <typename K>
void look_ahead(Tile& tile, int64_t chunk) {
  const AttentionArgs& args = tile.args;
  const int64_t row_bytes = args.k_token_stride * static_cast<int64_t>(sizeof(K));
  const int64_t begin = max_of((chunk + 1) * attention_chunk - args.k_offset, 0);
  const int64_t end = min_of(begin + attention_chunk, args.k_tokens);
  const bool dense = row_bytes <= kv_row_bytes(KvType::f32, args.qk_dim);
  if (!dense || begin >= end) return;
  const auto* const k = static_cast<const K*>(args.k) + tile.kv_head * args.k_head_stride;
  tile.ahead = reinterpret_cast<const char*>(k) + begin * row_bytes;
  tile.ahead_end = tile.ahead + (end - begin) * row_bytes;
  const int64_t groups = max_of(args.v_dim / wide_columns(tile), 1);
  tile.ahead_bytes = (row_bytes / groups + 63) / 64 * 64;
}

void attention_partial(const AttentionArgs& args, int64_t item0, int64_t item1, void* partials,
                       void* scratch) {
  const AttentionPlan plan = attention_plan(args);
  Tile tile(args);
  int64_t current = -1;
  for (int64_t item = item0; item < item1; ++item) {
    const int64_t c = item % plan.chunks;
    if (item / plan.chunks != current) {
      current = item / plan.chunks;
      begin_tile(tile, plan, current, static_cast<float*>(scratch));
      prepare_queries(tile);
    }
    float* record[attention_row_tile];
    for (int64_t r = 0; r < tile.rows; ++r) {
      const int64_t row = tile.head[r] * args.q_tokens + tile.token[r];
      record[r] = static_cast<float*>(partials) + (row * plan.chunks + c) * plan.partial_stride;
      tile.acc[r] = record[r] + partial_accumulator;
    }
    const bool more = item + 1 < item1 && c + 1 < plan.chunks;
    with_storage(args.kv_type, [&]<typename KV>(const KV*) {
      tile.ahead = tile.ahead_end = nullptr;
      if (more) look_ahead<KV>(tile, plan.first_chunk + c);
      chunk_partials<KV>(tile, plan.first_chunk + c);
    });
    for (int64_t r = 0; r < tile.rows; ++r) {
      record[r][0] = tile.max[r];
      record[r][1] = tile.sum[r];
    }
  }
}

void attention_combine(const AttentionArgs& args, int64_t row0, int64_t row1,
                       const void* partials) {
  const AttentionPlan plan = attention_plan(args);
  for (int64_t row = row0; row < row1; ++row) {
    const int64_t head = row / args.q_tokens;
    const int64_t token = row % args.q_tokens;
    float* out = args.out + head * args.out_head_stride + token * args.out_token_stride;
    // The output row holds the running accumulator.
    Running total{minus_infinity, 0.F, out};
    for_lanes(args.v_dim, [&](int64_t i, int count) { store(out + i, zero(), count); });
    for (int64_t c = 0; c < plan.chunks; ++c) {
      const float* record =
          static_cast<const float*>(partials) + (row * plan.chunks + c) * plan.partial_stride;
      combine(total, record[0], record[1], record + partial_accumulator, args.v_dim);
    }
    finish(args, head, token, total);
  }
}

constexpr AttentionKernels attention_simd = {.attention = attention,
                                             .attention_partial = attention_partial,
                                             .attention_combine = attention_combine};

}  // namespace
}  // namespace tarn::cpu
