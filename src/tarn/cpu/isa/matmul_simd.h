// The vector bodies of matmul.h. For the includers of vec.h.
#pragma once

#include "tarn/cpu/isa/dot_tile_simd.h"
#include "tarn/cpu/isa/matmul.h"

namespace tarn::cpu {
namespace {

// Blocks of the case of many rows: 4 weight rows times k_block stay in the first-level cache while
// the input rows pass; t_block input rows times k_block stay in the second.
constexpr int64_t k_block = 1024;
constexpr int64_t t_block = 48;
constexpr int64_t n_block = 64;
constexpr int tile_n = 4;
// Bytes ahead of the use at which a streamed row is prefetched.
constexpr int64_t prefetch_distance = 1024;

// out[t][0 ... min(RN, count)) for the tile's rows t.
template <int RN, int RT>
inline void store_tile(const DotTile<RN, RT>& tile, float* out, int64_t ldo, int64_t count) {
  const auto& acc = tile.acc;
  for (int r = 0; r < RN && r < count; r += 4)
    unrolled<RT>([&](auto t) TARN_INLINE {
      store_sums(acc[r][t], acc[r + 1][t], acc[r + 2][t], acc[r + 3][t], out + t * ldo + r,
                 count - r);
    });
}

// Few rows of x: one pass over W, widened in registers, several rows of it at once to have enough
// sums under way. The second tile of input rows finds the weights in the cache.
constexpr int64_t few_rows = 2 * dot_tile_rows;

template <typename W>
inline void prefetch_row(const W* row, int64_t offset) {
  // Integer arithmetic: the address may lie past the matrix, where a prefetch does nothing.
  const auto bytes = static_cast<uintptr_t>(offset * static_cast<int64_t>(sizeof(W)));
  __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(row) + bytes), 0, 3);
}

// Elements [begin, end) (whole cache lines) of the rows; the line `ahead` of each is prefetched.
template <bool prefetch, typename W, int RN, int RT>
TARN_INLINE inline void advance_lines(DotTile<RN, RT>& tile, const W* const (&w)[RN],
                                      const float* const (&x)[RT], int64_t begin, int64_t end,
                                      int64_t ahead) {
  constexpr int line = 64 / static_cast<int>(sizeof(W));
  for (int64_t i = begin; i < end; i += line) {
    if constexpr (prefetch)
      unrolled<RN>([&](auto r) TARN_INLINE { prefetch_row(w[r], i + ahead); });
    unrolled<line / Vec::lanes>(
        [&](auto j) TARN_INLINE { tile.advance(w, x, i + j * Vec::lanes, Vec::lanes); });
  }
}

// out for rows [t, t + RT) of x and [n, n + RN) of W.
template <bool prefetch, typename W, int RN, int RT>
void few_tile(const MatmulNtArgs& args, int64_t t, int64_t n, int64_t n1) {
  const W* w[RN];
  for (int r = 0; r < RN; ++r)
    w[r] = static_cast<const W*>(args.w) + min_of(n + r, n1 - 1) * args.ldw;
  const float* x[RT];
  for (int i = 0; i < RT; ++i) x[i] = args.x + (t + i) * args.ldx;
  constexpr int64_t line = 64 / sizeof(W);
  constexpr int64_t distance = prefetch_distance / static_cast<int64_t>(sizeof(W));
  const int64_t lines_end = args.k / line * line;
  // Near the end of these rows the beginnings of the next are prefetched.
  const int64_t turn = max_of(0, lines_end - distance);
  DotTile<RN, RT> tile;
  tile.clear();
  advance_lines<prefetch>(tile, w, x, 0, turn, distance);
  advance_lines<prefetch>(tile, w, x, turn, lines_end, RN * args.ldw - turn);
  for (int64_t i = lines_end; i < args.k; i += Vec::lanes)
    tile.advance(w, x, i, static_cast<int>(min_of(Vec::lanes, args.k - i)));
  store_tile(tile, args.out + t * args.ldo + n, args.ldo, n1 - n);
}

template <typename W, int RT>
void multiply_few(const MatmulNtArgs& args, int64_t n0, int64_t n1) {
  // Rows of W at once: as many as there are registers for.
  constexpr int rows = RT * 8 <= (Vec::registers == 32 ? 24 : 8) ? 8 : 4;
  for (int64_t n = n0; n < n1; n += rows) {
    few_tile<true, W, rows, RT>(args, 0, n, n1);
    if constexpr (rows == 4) {  // where two tiles are needed, each has more rows than 8 allows
      if (args.t > RT)
        with_rows(args.t - RT, [&](auto rest) {
          few_tile<false, W, rows, decltype(rest)::value>(args, RT, n, n1);
        });
    }
  }
}

// Accumulators between blocks of k, whole vectors, so that blocking changes no sum; then the
// widened weight rows of one tile.
constexpr int64_t saved_accumulators = n_block * t_block * Vec::lanes;
constexpr int64_t widened_weights = tile_n * k_block;

struct Block {
  int64_t k0, k;           // this block of the dot products
  bool first, last;        // of the blocks along k
  int64_t n, n1;           // the tile's weight rows and the end of the range
  const float* w[tile_n];  // from k0 on
};

template <int RT>
void block_tile(const MatmulNtArgs& args, const Block& block, int64_t t, float* saved) {
  const float* x[RT];
  for (int i = 0; i < RT; ++i) x[i] = args.x + (t + i) * args.ldx + block.k0;
  DotTile<tile_n, RT> tile;
  if (block.first) {
    tile.clear();
  } else {
    unrolled<tile_n>([&](auto r) TARN_INLINE {
      unrolled<RT>([&](auto i)
                       TARN_INLINE { tile.acc[r][i] = load(saved + (r * RT + i) * Vec::lanes); });
    });
  }
  tile.accumulate(block.w, x, block.k);
  if (block.last) {
    store_tile(tile, args.out + t * args.ldo + block.n, args.ldo, block.n1 - block.n);
  } else {
    unrolled<tile_n>([&](auto r) TARN_INLINE {
      unrolled<RT>([&](auto i)
                       TARN_INLINE { store(saved + (r * RT + i) * Vec::lanes, tile.acc[r][i]); });
    });
  }
}

template <typename W>
void multiply_blocks(const MatmulNtArgs& args, int64_t n0, int64_t n1, float* scratch) {
  const auto* const weights = static_cast<const W*>(args.w);
  float* const saved = scratch;
  float* const widened = scratch + saved_accumulators;
  for (int64_t nb = n0; nb < n1; nb += n_block) {
    const int64_t nb_end = min_of(n1, nb + n_block);
    for (int64_t tb = 0; tb < args.t; tb += t_block) {
      const int64_t tb_end = min_of(args.t, tb + t_block);
      const int64_t block_tiles = (tb_end - tb + dot_tile_rows - 1) / dot_tile_rows;
      for (int64_t kb = 0; kb < args.k; kb += k_block) {
        Block block{};
        block.k0 = kb;
        block.k = min_of(k_block, args.k - kb);
        block.first = kb == 0;
        block.last = kb + k_block >= args.k;
        block.n1 = nb_end;
        float* tile_saved = saved;
        for (int64_t n = nb; n < nb_end; n += tile_n) {
          block.n = n;
          for (int r = 0; r < tile_n; ++r) {
            const W* row = weights + min_of(n + r, n1 - 1) * args.ldw + kb;
            if constexpr (sizeof(W) == sizeof(float)) {
              block.w[r] = row;
            } else {
              float* wide = widened + r * k_block;
              for_lanes(block.k, [=](int64_t i, int count) {
                store(wide + i, load(row + i, count), count);
              });
              block.w[r] = wide;
            }
          }
          for (int64_t t = tb, tiles = block_tiles; t < tb_end; --tiles) {
            // The rows that are left, spread evenly: 8 are 4 and 4 rather than 6 and 2.
            const int64_t count = (tb_end - t + tiles - 1) / tiles;
            with_rows(count, [&](auto rows) {
              block_tile<decltype(rows)::value>(args, block, t, tile_saved);
            });
            tile_saved += tile_n * dot_tile_rows * Vec::lanes;
            t += count;
          }
        }
      }
    }
  }
}

template <typename W>
void multiply(const MatmulNtArgs& args, int64_t n0, int64_t n1, void* scratch) {
  if (args.k <= 0) {
    for (int64_t t = 0; t < args.t; ++t)
      for (int64_t n = n0; n < n1; ++n) args.out[t * args.ldo + n] = 0.F;
  } else if (args.t <= few_rows) {
    // Two tiles share their rows evenly.
    with_rows(args.t > dot_tile_rows ? (args.t + 1) / 2 : args.t,
              [&](auto rows) { multiply_few<W, decltype(rows)::value>(args, n0, n1); });
  } else {
    multiply_blocks<W>(args, n0, n1, static_cast<float*>(scratch));
  }
}

void matmul_nt(const MatmulNtArgs& args, int64_t n0, int64_t n1, void* scratch) {
  with_type(args.w_type, [&]<typename W>(const W*) { multiply<W>(args, n0, n1, scratch); });
}

size_t scratch_bytes(int64_t t) {
  if (t <= few_rows) return 0;
  return static_cast<size_t>(saved_accumulators + widened_weights) * sizeof(float);
}

constexpr MatmulKernels matmul_simd = {.matmul_nt = matmul_nt, .scratch_bytes = scratch_bytes};

}  // namespace
}  // namespace tarn::cpu
