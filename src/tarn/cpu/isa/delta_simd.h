// The vector bodies of delta.h: lanes are value columns. A block of columns of the state is copied
// to a contiguous buffer in the first-level cache (in place its rows would lie a power of two apart
// and evict one another) and stays there for all tokens. For the includers of vec.h.
#pragma once

#include "tarn/cpu/isa/delta.h"
#include "tarn/cpu/isa/vec_math.h"

namespace tarn::cpu {
namespace {

constexpr int block_vecs = static_cast<int>(delta_column_block) / Vec::lanes;
// Running sums for each vector of columns: row i of the state goes to sum i modulo delta_sums, so
// that the additions do not wait for one another.
constexpr int delta_sums = Vec::lanes == 16 ? 4 : 2;

struct ColumnSums {
  Vec part[delta_sums][block_vecs];

  TARN_INLINE void clear() {
    unrolled<delta_sums>([&](auto p) TARN_INLINE {
      unrolled<block_vecs>([&](auto c) TARN_INLINE { part[p][c] = zero(); });
    });
  }
  TARN_INLINE Vec total(int c) const {
    if constexpr (delta_sums == 4) {
      return (part[0][c] + part[1][c]) + (part[2][c] + part[3][c]);
    } else {
      return part[0][c] + part[1][c];
    }
  }
};

// Calls f(row, number of its running sum) for every row of the state.
template <typename F>
TARN_INLINE inline void for_state_rows(int64_t dk, F f) {
  int64_t i = 0;
  for (; i + delta_sums <= dk; i += delta_sums)
    unrolled<delta_sums>([&](auto p) TARN_INLINE { f(i + p, p); });
  unrolled<delta_sums>([&](auto p) TARN_INLINE {
    if (i + p < dk) f(i + p, p);
  });
}

// Columns of vector c that there are, of count.
inline int columns_of(int64_t count, int c) {
  return static_cast<int>(max_of(0, min_of(Vec::lanes, count - c * Vec::lanes)));
}

// One token through the block's state [dk, delta_column_block]. v and out: count columns.
inline void delta_step(float* state, int64_t dk, const float* q, const float* k, const float* v,
                       Vec decay, Vec beta, float* out, int64_t count) {
  ColumnSums answer;
  answer.clear();
  for_state_rows(dk, [&](int64_t i, auto p) TARN_INLINE {
    const Vec key = set1(k[i]);
    const float* s = state + i * delta_column_block;
    unrolled<block_vecs>([&](auto c) TARN_INLINE {
      answer.part[p][c] = fma(load(s + c * Vec::lanes), key, answer.part[p][c]);
    });
  });
  Vec error[block_vecs];
  unrolled<block_vecs>([&](auto c) TARN_INLINE {
    const Vec value = load(v + c * Vec::lanes, columns_of(count, c));
    error[c] = fnma(decay, answer.total(c), value) * beta;
  });
  ColumnSums read;
  read.clear();
  for_state_rows(dk, [&](int64_t i, auto p) TARN_INLINE {
    const Vec key = set1(k[i]);
    const Vec query = set1(q[i]);
    float* s = state + i * delta_column_block;
    unrolled<block_vecs>([&](auto c) TARN_INLINE {
      const Vec updated = fma(key, error[c], decay * load(s + c * Vec::lanes));
      store(s + c * Vec::lanes, updated);
      read.part[p][c] = fma(updated, query, read.part[p][c]);
    });
  });
  unrolled<block_vecs>([&](auto c) TARN_INLINE {
    store(out + c * Vec::lanes, read.total(c), columns_of(count, c));
  });
}

// All tokens through the block's state, in one pass over the state a token: while token t updates a
// row, what the updated row answers to the key of t + 1 is summed as well. The sums are those of
// delta_step, in its order. For instruction sets with registers for both.
constexpr bool delta_one_pass = Vec::lanes == 16;

// A block's view of the tokens.
struct DeltaTokens {
  const float* q;
  const float* k;
  const float* v;
  const float* g;
  const float* beta;
  float* out;
};

inline DeltaTokens tokens_of(const GatedDeltaArgs& args, int64_t head, int64_t column) {
  const int64_t key_head = head / (args.value_heads / args.key_heads);
  return {args.q + key_head * args.q_head_stride,
          args.k + key_head * args.k_head_stride,
          args.v + head * args.v_head_stride + column,
          args.g + head,
          args.beta + head,
          args.out + head * args.out_head_stride + column};
}

// Rows of tokens lie pages apart, where no hardware looks ahead.
inline void prefetch_token(const GatedDeltaArgs& args, const DeltaTokens& at, int64_t t) {
  constexpr int64_t line = 64 / sizeof(float);
  if (t >= args.t) return;
  for (int64_t i = 0; i < args.dk; i += line) {
    __builtin_prefetch(at.q + t * args.q_token_stride + i);
    __builtin_prefetch(at.k + t * args.k_token_stride + i);
  }
  for (int64_t i = 0; i < delta_column_block; i += line) {
    __builtin_prefetch(at.v + t * args.v_token_stride + i);
    __builtin_prefetch(at.out + t * args.out_token_stride + i, 1);
  }
}

inline void delta_block(const GatedDeltaArgs& args, const DeltaTokens& at, float* state,
                        int64_t count) {
  constexpr int64_t prefetch_tokens = 4;
  ColumnSums answer;
  answer.clear();
  for_state_rows(args.dk, [&](int64_t i, auto p) TARN_INLINE {
    const Vec key = set1(at.k[i]);
    unrolled<block_vecs>([&](auto c) TARN_INLINE {
      answer.part[p][c] =
          fma(load(state + i * delta_column_block + c * Vec::lanes), key, answer.part[p][c]);
    });
  });
  for (int64_t t = 0; t < args.t; ++t) {
    prefetch_token(args, at, t + prefetch_tokens);
    const float* q = at.q + t * args.q_token_stride;
    const float* k = at.k + t * args.k_token_stride;
    const float* next_k = t + 1 < args.t ? k + args.k_token_stride : k;
    const Vec decay = exp(set1(at.g[t * args.g_token_stride]));
    const Vec beta = set1(at.beta[t * args.beta_token_stride]);
    Vec error[block_vecs];
    unrolled<block_vecs>([&](auto c) TARN_INLINE {
      const Vec value = load(at.v + t * args.v_token_stride + c * Vec::lanes, columns_of(count, c));
      error[c] = fnma(decay, answer.total(c), value) * beta;
    });
    ColumnSums read;
    read.clear();
    answer.clear();
    for_state_rows(args.dk, [&](int64_t i, auto p) TARN_INLINE {
      const Vec key = set1(k[i]);
      const Vec query = set1(q[i]);
      const Vec next = set1(next_k[i]);
      float* s = state + i * delta_column_block;
      unrolled<block_vecs>([&](auto c) TARN_INLINE {
        const Vec updated = fma(key, error[c], decay * load(s + c * Vec::lanes));
        store(s + c * Vec::lanes, updated);
        read.part[p][c] = fma(updated, query, read.part[p][c]);
        answer.part[p][c] = fma(updated, next, answer.part[p][c]);
      });
    });
    unrolled<block_vecs>([&](auto c) TARN_INLINE {
      store(at.out + t * args.out_token_stride + c * Vec::lanes, read.total(c),
            columns_of(count, c));
    });
  }
}

inline void delta_block_two_passes(const GatedDeltaArgs& args, const DeltaTokens& at, float* state,
                                   int64_t count) {
  for (int64_t t = 0; t < args.t; ++t) {
    delta_step(state, args.dk, at.q + t * args.q_token_stride, at.k + t * args.k_token_stride,
               at.v + t * args.v_token_stride, exp(set1(at.g[t * args.g_token_stride])),
               set1(at.beta[t * args.beta_token_stride]), at.out + t * args.out_token_stride,
               count);
  }
}

// One token: the state is read and written once, in place, and memory sets the pace. A strip is
// wide enough to be streamed and small enough to be still in the first-level cache when it is
// written. Where vectors are short, the registers hold the sums of one block only.
constexpr int64_t delta_strip = (Vec::lanes == 4 ? 1 : 2) * delta_column_block;

// The strip's bits are those of delta_step: a column's sums do not depend on its neighbours.
// `next`: the state that will be wanted next.
inline void delta_token(float* state, int64_t dk, int64_t ld, const float* q, const float* k,
                        const float* v, Vec decay, Vec beta, float* out, const float* next) {
  constexpr int vecs = static_cast<int>(delta_strip) / Vec::lanes;
  constexpr int line = 64 / sizeof(float);
  Vec sums[delta_sums][vecs];
  const auto clear = [&]() TARN_INLINE {
    unrolled<delta_sums>([&](auto p) TARN_INLINE {
      unrolled<vecs>([&](auto c) TARN_INLINE { sums[p][c] = zero(); });
    });
  };
  const auto total = [&](auto c) TARN_INLINE {
    if constexpr (delta_sums == 4) {
      return (sums[0][c] + sums[1][c]) + (sums[2][c] + sums[3][c]);
    } else {
      return sums[0][c] + sums[1][c];
    }
  };
  clear();
  for_state_rows(dk, [&](int64_t i, auto p) TARN_INLINE {
    const Vec key = set1(k[i]);
    const float* s = state + i * ld;
    for (int64_t c = 0; c < delta_strip; c += line) __builtin_prefetch(next + i * ld + c, 1, 2);
    unrolled<vecs>(
        [&](auto c) TARN_INLINE { sums[p][c] = fma(load(s + c * Vec::lanes), key, sums[p][c]); });
  });
  Vec error[vecs];
  unrolled<vecs>([&](auto c) TARN_INLINE {
    error[c] = fnma(decay, total(c), load(v + c * Vec::lanes)) * beta;
  });
  clear();
  for_state_rows(dk, [&](int64_t i, auto p) TARN_INLINE {
    const Vec key = set1(k[i]);
    const Vec query = set1(q[i]);
    float* s = state + i * ld;
    unrolled<vecs>([&](auto c) TARN_INLINE {
      const Vec updated = fma(key, error[c], decay * load(s + c * Vec::lanes));
      store(s + c * Vec::lanes, updated);
      sums[p][c] = fma(updated, query, sums[p][c]);
    });
  });
  unrolled<vecs>([&](auto c) TARN_INLINE { store(out + c * Vec::lanes, total(c)); });
}

// Items [item0, item1) as far as they make whole strips; the first item that is left.
inline int64_t delta_strips(const GatedDeltaArgs& args, int64_t item0, int64_t item1) {
  constexpr int64_t items_of_strip = delta_strip / delta_column_block;
  if (args.dv % delta_strip != 0 || item0 % items_of_strip != 0) return item0;
  const int64_t group = args.value_heads / args.key_heads;
  const int64_t blocks = args.dv / delta_column_block;
  int64_t item = item0;
  for (; item + items_of_strip <= item1; item += items_of_strip) {
    const int64_t head = item / blocks;
    const int64_t column = item % blocks * delta_column_block;
    // Strips of a head lie side by side in its rows; the one after the last is the next head's.
    const int64_t ahead = item + items_of_strip < item1 ? item + items_of_strip : item;
    const float* next =
        args.state + ahead / blocks * args.dk * args.dv + ahead % blocks * delta_column_block;
    delta_token(args.state + head * args.dk * args.dv + column, args.dk, args.dv,
                args.q + head / group * args.q_head_stride,
                args.k + head / group * args.k_head_stride,
                args.v + head * args.v_head_stride + column, exp(set1(args.g[head])),
                set1(args.beta[head]), args.out + head * args.out_head_stride + column, next);
  }
  return item;
}

void gated_delta(const GatedDeltaArgs& args, int64_t item0, int64_t item1, void* scratch) {
  const int64_t blocks = delta_items(args) / args.value_heads;
  auto* const block = static_cast<float*>(scratch);
  if (args.t == 1) item0 = delta_strips(args, item0, item1);
  for (int64_t item = item0; item < item1; ++item) {
    const int64_t head = item / blocks;
    const int64_t column = item % blocks * delta_column_block;
    const int64_t count = min_of(delta_column_block, args.dv - column);
    float* const state = args.state + head * args.dk * args.dv + column;
    for (int64_t i = 0; i < args.dk; ++i) {
      for (int c = 0; c < block_vecs; ++c)
        store(block + i * delta_column_block + c * Vec::lanes,
              load(state + i * args.dv + c * Vec::lanes, columns_of(count, c)));
    }
    const DeltaTokens at = tokens_of(args, head, column);
    if constexpr (delta_one_pass) {
      delta_block(args, at, block, count);
    } else {
      delta_block_two_passes(args, at, block, count);
    }
    for (int64_t i = 0; i < args.dk; ++i)
      for_lanes(count, [&](int64_t c, int here) {
        store(state + i * args.dv + c, load(block + i * delta_column_block + c, here), here);
      });
  }
}

template <typename T>
void gate_rows(const DeltaGateArgs& args, int64_t t0, int64_t t1) {
  const auto* a_log = static_cast<const T*>(args.a_log);
  const auto* dt_bias = static_cast<const T*>(args.dt_bias);
  for (int64_t t = t0; t < t1; ++t)
    for_lanes(args.heads, [&](int64_t h, int count) {
      const Vec dt = load(args.a + t * args.lda + h, count) + load(dt_bias + h, count);
      const Vec rate = exp(load(a_log + h, count));
      store(args.g + t * args.heads + h, -(rate * softplus(dt)), count);
      store(args.beta + t * args.heads + h, sigmoid(load(args.b + t * args.ldb + h, count)), count);
    });
}

void gates(const DeltaGateArgs& args, int64_t t0, int64_t t1) {
  with_type(args.param_type, [&]<typename T>(const T*) { gate_rows<T>(args, t0, t1); });
}

constexpr DeltaKernels delta_simd = {.gated_delta = gated_delta, .gates = gates};

}  // namespace
}  // namespace tarn::cpu
