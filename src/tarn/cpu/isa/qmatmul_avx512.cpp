// AVX-512 with VNNI: a tile is one register, and one instruction multiplies and adds it.
#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 takes the deliberately undefined operands inside its own intrinsics for mistakes of ours.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
// Its partial redundancy elimination makes values live longer: the 24 sums of the tokens' product
// would no longer fit the registers and be stored in every round.
#pragma GCC optimize("no-tree-pre")
#endif
#include <immintrin.h>

#include "tarn/cpu/isa/qmatmul_impl.h"

namespace tarn::cpu {
namespace {

struct Avx512 {
  using F = __m512;
  using I = __m512i;
  using Tile = __m512i;

  // 24 sums, 4 tiles and a broadcast in 32 registers; 10 loads for 24 products.
  static constexpr int stream_tokens = tile_of(8);
  static constexpr size_t stream_limit = 16;
  static constexpr int gemm_panels = tile_of(4);
  static constexpr int gemm_tokens = tile_of(6);
  static constexpr int exact_tokens = tile_of(6);
  static constexpr int dot_bits(int) { return 8; }

  static F zero() { return _mm512_setzero_ps(); }
  static F set1(float x) { return _mm512_set1_ps(x); }
  static F load(const float* at) { return _mm512_loadu_ps(at); }
  static void store(float* at, F x) { _mm512_storeu_ps(at, x); }
  static void store_first(float* at, F x, size_t count) {
    _mm512_mask_storeu_ps(at, static_cast<__mmask16>((1U << count) - 1), x);
  }
  static F add(F a, F b) { return _mm512_add_ps(a, b); }
  static F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  static F to_float(I x) { return _mm512_cvtepi32_ps(x); }

  template <ScaleType type>
  static F load_scales(const uint8_t* at) {
    if constexpr (type == ScaleType::f32) {
      return _mm512_loadu_ps(at);
    } else if constexpr (type == ScaleType::e8m0) {
      // The exponent's place; 2^-127 has its one bit in the mantissa's highest.
      const I exponent = _mm512_slli_epi32(_mm512_cvtepu8_epi32(load_bytes(at)), 23);
      return _mm512_castsi512_ps(_mm512_max_epu32(exponent, _mm512_set1_epi32(0x00400000)));
    } else if constexpr (type == ScaleType::e4m3) {
      // Its fields stand like those of a float16 whose exponent counts from 8 more.
      const __m256i words = _mm256_cvtepi8_epi16(load_bytes(at));
      const __m256i sign = _mm256_and_si256(words, _mm256_set1_epi16(-0x8000));
      const __m256i magnitude =
          _mm256_and_si256(_mm256_slli_epi16(words, 7), _mm256_set1_epi16(0x3f80));
      return _mm512_mul_ps(_mm512_cvtph_ps(_mm256_or_si256(sign, magnitude)), _mm512_set1_ps(256));
    } else {
      const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
      if constexpr (type == ScaleType::f16) return _mm512_cvtph_ps(bits);
      return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
    }
  }

  static __m128i load_bytes(const uint8_t* at) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  }
  static F load_signed(const uint8_t* at) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(load_bytes(at)));
  }
  static F load_unsigned(const uint8_t* at) {
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(load_bytes(at)));
  }

  struct Table {
    I part[4];
  };
  template <int bits>
  static Table load_table(const uint8_t* at) {
    Table table;
    for (int i = 0; i < (bits == 8 ? 4 : 1); ++i) table.part[i] = load_tile(at + i * tile_bytes);
    return table;
  }
  // The instructions ignore the bits of an index above those that they need.
  template <int bits>
  static Tile look_up(const Table& table, Tile codes) {
    if constexpr (bits < 8) return _mm512_permutexvar_epi8(codes, table.part[0]);
    const I low = _mm512_permutex2var_epi8(table.part[0], codes, table.part[1]);
    const I high = _mm512_permutex2var_epi8(table.part[2], codes, table.part[3]);
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(codes), low, high);
  }

  // Shifts act on 16-bit lanes; the mask takes away what crosses a byte's border.
  template <int count>
  static I shift_left(I x) {
    if constexpr (count > 0) return _mm512_slli_epi16(x, count);
    if constexpr (count < 0) return _mm512_srli_epi16(x, -count);
    return x;
  }

  template <int bits, int j>
  static Tile tile(const uint8_t* block) {
    constexpr int low = quant::low_plane_bits(bits);
    constexpr int high = quant::high_plane_bits(bits);
    constexpr int low_tiles = 8 / low;
    I codes = load_tile(block + j / low_tiles * tile_bytes);
    if constexpr (low < 8) {
      codes = _mm512_and_si512(shift_left<-(j % low_tiles * low)>(codes),
                               _mm512_set1_epi8((1 << low) - 1));
    }
    if constexpr (high > 0) {
      constexpr int high_tiles = 8 / high;
      const I plane = load_tile(block + (low + j / high_tiles) * tile_bytes);
      constexpr int mask_and_or = 0xea;  // (a & b) | c
      codes =
          _mm512_ternarylogic_epi32(shift_left<low - j % high_tiles * high>(plane),
                                    _mm512_set1_epi8(((1 << high) - 1) << low), codes, mask_and_or);
    }
    return codes;
  }
  static Tile load_tile(const uint8_t* at) { return _mm512_loadu_si512(at); }
  static void store_tile(uint8_t* at, Tile x) { _mm512_storeu_si512(at, x); }
  static F inputs(Tile x, int i) {
    const I bytes = _mm512_srl_epi32(x, _mm_cvtsi32_si128(8 * i));
    return _mm512_cvtepi32_ps(_mm512_and_si512(bytes, _mm512_set1_epi32(0xff)));
  }

  template <int bits, int chains, int tiles>
  struct Dot {
    I sum[chains];
    void clear() {
      for (I& one : sum) one = _mm512_setzero_si512();
    }
    template <int j>
    void add(Tile w, const int8_t* x) {
      int32_t four;
      __builtin_memcpy(&four, x, sizeof(four));
      sum[j % chains] = _mm512_dpbusd_epi32(sum[j % chains], w, _mm512_set1_epi32(four));
    }
    I total() const {
      if constexpr (chains == 1) {
        return sum[0];
      } else {
        static_assert(chains == 4);
        return _mm512_add_epi32(_mm512_add_epi32(sum[0], sum[1]), _mm512_add_epi32(sum[2], sum[3]));
      }
    }
  };

  static void prefetch(const uint8_t* at) { _mm_prefetch(at, _MM_HINT_T0); }
};

}  // namespace

extern const QMatmulKernels qmatmul_avx512;
constinit const QMatmulKernels qmatmul_avx512 = qmatmul_table<Avx512>();

}  // namespace tarn::cpu
