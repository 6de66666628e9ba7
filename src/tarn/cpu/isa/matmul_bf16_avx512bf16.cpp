#include "tarn/cpu/isa/dot_tile_simd.h"
#include "tarn/cpu/isa/matmul_bf16.h"

namespace tarn::cpu {
namespace {

constexpr int tile_n = 4;
static_assert(bf16_tile_rows == dot_tile_rows && bf16_step == 2 * Vec::lanes);

inline __m512bh load_pairs(const bfloat16* p) { return (__m512bh)_mm512_loadu_si512(p); }
// The first `count` values, then zeros.
inline __m512bh load_pairs(const bfloat16* p, int64_t count) {
  const auto mask = static_cast<__mmask32>((uint64_t{1} << count) - 1);
  return (__m512bh)_mm512_maskz_loadu_epi16(mask, p);
}

inline __m512 load_floats(const float* p, int64_t count) {
  return count >= Vec::lanes ? load(p).v : load_part(p, static_cast<int>(max_of(0, count))).v;
}

void pack(const float* x, int64_t ldx, int64_t t, int64_t k, int64_t tile0, int64_t tile1,
          bfloat16* packed) {
  const int64_t end = min_of(t, tile1 * bf16_tile_rows);
  for (int64_t first = tile0 * bf16_tile_rows; first < end; first += bf16_tile_rows) {
    const int64_t rows = min_of(bf16_tile_rows, t - first);
    bfloat16* to = packed + bf16_packed_size(first, k);
    for (int64_t i = 0; i < k; i += bf16_step) {
      for (int64_t r = 0; r < rows; ++r, to += bf16_step) {
        const float* from = x + (first + r) * ldx + i;
        const __m512 low = load_floats(from, k - i);
        const __m512 high = k - i > Vec::lanes ? load_floats(from + Vec::lanes, k - i - Vec::lanes)
                                               : _mm512_setzero_ps();
        _mm512_store_si512(to, (__m512i)_mm512_cvtne2ps_pbh(high, low));
      }
    }
  }
}

// Sums of RN weight rows times the RT rows of a tile of x.
template <int RN, int RT>
struct Tile {
  __m512 acc[RN][RT];

  TARN_INLINE void clear() {
    unrolled<RN>([&](auto r) TARN_INLINE {
      unrolled<RT>([&](auto t) TARN_INLINE { acc[r][t] = _mm512_setzero_ps(); });
    });
  }
  // x: of RT rows, one step.
  TARN_INLINE void advance(const __m512bh (&weights)[RN], const bfloat16* x) {
    unrolled<RT>([&](auto t) TARN_INLINE {
      const __m512bh input = load_pairs(x + t * bf16_step);
      unrolled<RN>([&](auto r)
                       TARN_INLINE { acc[r][t] = _mm512_dpbf16_ps(acc[r][t], weights[r], input); });
    });
  }
};

// out[t][0 ... min(4, count)) for the rows t.
template <int RT>
TARN_INLINE inline void store_four(const __m512 (&acc)[tile_n][RT], float* out, int64_t ldo,
                                   int64_t count) {
  unrolled<RT>([&](auto t) TARN_INLINE {
    store_sums({acc[0][t]}, {acc[1][t]}, {acc[2][t]}, {acc[3][t]}, out + t * ldo, count);
  });
}

// Few rows of x: one pass over W as it lies in memory.
constexpr int64_t few_rows = 2 * bf16_tile_rows;
// Values ahead of their use at which weights are prefetched.
constexpr int64_t prefetch_distance = 4096;

template <int RN, int RT>
TARN_INLINE inline void stream_rows(const bfloat16* const (&w)[RN], const bfloat16* x, int64_t k,
                                    Tile<RN, RT>& tile) {
  tile.clear();
  int64_t i = 0;
  for (; i + bf16_step <= k; i += bf16_step) {
    __m512bh weights[RN];
    unrolled<RN>([&](auto r) TARN_INLINE {
      // Where rows follow one another, the prefetches run ahead into the next. Integer arithmetic:
      // the address may lie past the matrix, where a prefetch does nothing.
      const auto at = reinterpret_cast<uintptr_t>(w[r]) + static_cast<uintptr_t>(i) * 2;
      __builtin_prefetch(reinterpret_cast<const void*>(at + prefetch_distance * 2), 0, 3);
      weights[r] = load_pairs(w[r] + i);
    });
    tile.advance(weights, x + i * RT);
  }
  if (i < k) {
    __m512bh weights[RN];
    unrolled<RN>([&](auto r) TARN_INLINE { weights[r] = load_pairs(w[r] + i, k - i); });
    tile.advance(weights, x + i * RT);
  }
}

// One row of each. Not inlined: hardware prefetchers learn by the address of the load instruction,
// and four copies of this loop, one for each row of a tile, were seen to cost a tenth of the
// bandwidth.
__attribute__((noinline)) __m512 stream_row(const bfloat16* w, const bfloat16* x, int64_t k) {
  const bfloat16* const rows[1] = {w};
  Tile<1, 1> tile;
  stream_rows(rows, x, k, tile);
  return tile.acc[0][0];
}

template <int RT>
void few_tile(const MatmulBf16Args& args, int64_t t, int64_t n, int64_t n1) {
  const bfloat16* x = args.x + bf16_packed_size(t, args.k);
  const bfloat16* w[tile_n];
  for (int r = 0; r < tile_n; ++r) w[r] = args.w + min_of(n + r, n1 - 1) * args.ldw;
  Tile<tile_n, RT> tile;
  if constexpr (RT == 1) {
    unrolled<tile_n>([&](auto r) TARN_INLINE { tile.acc[r][0] = stream_row(w[r], x, args.k); });
  } else {
    stream_rows(w, x, args.k, tile);
  }
  store_four(tile.acc, args.out + t * args.ldo + n, args.ldo, n1 - n);
}

void multiply_few(const MatmulBf16Args& args, int64_t n0, int64_t n1) {
  const int64_t first = min_of(bf16_tile_rows, args.t);
  for (int64_t n = n0; n < n1; n += tile_n) {
    with_rows(first, [&](auto rows) { few_tile<decltype(rows)::value>(args, 0, n, n1); });
    // The second tile finds the weights in the cache.
    with_rows(args.t - first,
              [&](auto rows) { few_tile<decltype(rows)::value>(args, first, n, n1); });
  }
}

// Many rows. Of one block of k, the weights of `group_n` rows stay in the first-level cache while
// the tiles of t_block rows of x pass by, which stay in the second. Tiles keep whole vectors of
// sums between the blocks of k, so that blocking changes no sum.
constexpr int64_t k_block = 1024;
constexpr int64_t t_block = 32 * bf16_tile_rows;
constexpr int64_t n_block = 32;
constexpr int64_t group_n = 2 * tile_n;
constexpr int64_t tile_floats = tile_n * bf16_tile_rows * Vec::lanes;
constexpr int64_t saved_floats = n_block / tile_n * (t_block / bf16_tile_rows) * tile_floats;
constexpr int64_t weights_size = group_n * k_block;

struct Block {
  int64_t k0, k;      // this block of the dot products
  bool first, last;   // of the blocks along k
  int64_t n, n1;      // the tile's weight rows and the end of the range
  const bfloat16* w;  // the tile's weights: for each step, its four rows
};

// Four rows of W from k0 on, as tiles read them.
void gather_weights(const MatmulBf16Args& args, const Block& block, bfloat16* to) {
  const bfloat16* w[tile_n];
  for (int r = 0; r < tile_n; ++r)
    w[r] = args.w + min_of(block.n + r, block.n1 - 1) * args.ldw + block.k0;
  for (int64_t i = 0; i < block.k; i += bf16_step) {
    unrolled<tile_n>([&](auto r) TARN_INLINE {
      _mm512_store_si512(to + i * tile_n + r * bf16_step,
                         (__m512i)load_pairs(w[r] + i, min_of(bf16_step, block.k - i)));
    });
  }
}

template <int RT>
void block_tile(const MatmulBf16Args& args, const Block& block, int64_t t, float* saved) {
  Tile<tile_n, RT> tile;
  const auto each = [&](auto f) TARN_INLINE {
    unrolled<tile_n>([&](auto r) TARN_INLINE {
      unrolled<RT>([&](auto i)
                       TARN_INLINE { f(tile.acc[r][i], saved + (r * RT + i) * Vec::lanes); });
    });
  };
  if (block.first) {
    tile.clear();
  } else {
    each([](__m512& sum, const float* at) TARN_INLINE { sum = _mm512_load_ps(at); });
  }
  const bfloat16* x = args.x + bf16_packed_size(t, args.k) + block.k0 * RT;
  const bfloat16* w = block.w;
  for (int64_t i = 0; i < block.k; i += bf16_step) {
    __m512bh weights[tile_n];
    unrolled<tile_n>([&](auto r) TARN_INLINE { weights[r] = load_pairs(w + r * bf16_step); });
    tile.advance(weights, x);
    w += tile_n * bf16_step;
    x += RT * bf16_step;
  }
  if (block.last) {
    store_four(tile.acc, args.out + t * args.ldo + block.n, args.ldo, block.n1 - block.n);
  } else {
    each([](const __m512& sum, float* at) TARN_INLINE { _mm512_store_ps(at, sum); });
  }
}

// Rows [n, n_end) of W, at most group_n, in one block of k.
void multiply_group(const MatmulBf16Args& args, Block block, int64_t n, int64_t n_end, int64_t tb,
                    int64_t tb_end, float* saved, bfloat16* weights) {
  const int64_t tiles = (tb_end - tb + bf16_tile_rows - 1) / bf16_tile_rows;
  for (block.n = n; block.n < n_end; block.n += tile_n)
    gather_weights(args, block, weights + (block.n - n) * k_block);
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const int64_t t = tb + tile * bf16_tile_rows;
    with_rows(min_of(bf16_tile_rows, tb_end - t), [&](auto rows) {
      for (block.n = n; block.n < n_end; block.n += tile_n) {
        block.w = weights + (block.n - n) * k_block;
        block_tile<decltype(rows)::value>(
            args, block, t, saved + ((block.n - n) / tile_n * tiles + tile) * tile_floats);
      }
    });
  }
}

void multiply_blocks(const MatmulBf16Args& args, int64_t n0, int64_t n1, void* scratch) {
  auto* const saved = static_cast<float*>(scratch);
  auto* const weights = reinterpret_cast<bfloat16*>(saved + saved_floats);
  for (int64_t nb = n0; nb < n1; nb += n_block) {
    const int64_t nb_end = min_of(n1, nb + n_block);
    for (int64_t tb = 0; tb < args.t; tb += t_block) {
      const int64_t tb_end = min_of(args.t, tb + t_block);
      const int64_t tiles = (tb_end - tb + bf16_tile_rows - 1) / bf16_tile_rows;
      for (int64_t kb = 0; kb < args.k; kb += k_block) {
        Block block{};
        block.k0 = kb;
        block.k = min_of(k_block, args.k - kb);
        block.first = kb == 0;
        block.last = kb + k_block >= args.k;
        block.n1 = nb_end;
        for (int64_t n = nb; n < nb_end; n += group_n) {
          multiply_group(args, block, n, min_of(nb_end, n + group_n), tb, tb_end,
                         saved + (n - nb) / tile_n * tiles * tile_floats, weights);
        }
      }
    }
  }
}

void matmul_nt(const MatmulBf16Args& args, int64_t n0, int64_t n1, void* scratch) {
  if (args.t <= few_rows) return multiply_few(args, n0, n1);
  multiply_blocks(args, n0, n1, scratch);
}

size_t scratch_bytes(int64_t t) {
  if (t <= few_rows) return 0;
  return static_cast<size_t>(saved_floats) * sizeof(float) +
         static_cast<size_t>(weights_size) * sizeof(bfloat16);
}

}  // namespace

const MatmulBf16Kernels detail::matmul_bf16_avx512bf16 = {
    .pack = pack, .matmul_nt = matmul_nt, .scratch_bytes = scratch_bytes};

}  // namespace tarn::cpu
