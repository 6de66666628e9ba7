// AVX2: a tile is two registers. VPMADDUBSW saturates at 16 bits, so codes of up to 6 bits are
// added there only as often as the largest codes allow, and 8-bit codes go in as two nibbles.
#include <immintrin.h>

#include "tarn/cpu/isa/qmatmul_impl.h"

namespace tarn::cpu {
namespace {

struct Avx2 {
  struct F {
    __m256 half[2];
  };
  struct I {
    __m256i half[2];
  };
  using Tile = I;

  static constexpr int stream_tokens = 2;
  static constexpr size_t stream_limit = 4;
  static constexpr int gemm_panels = 1;
  static constexpr int gemm_tokens = 2;
  static constexpr int exact_tokens = 1;
  static constexpr int dot_bits(int bits) { return bits < 4 ? 4 : bits; }

  static F zero() { return {{_mm256_setzero_ps(), _mm256_setzero_ps()}}; }
  static F set1(float x) { return {{_mm256_set1_ps(x), _mm256_set1_ps(x)}}; }
  static F load(const float* at) { return {{_mm256_loadu_ps(at), _mm256_loadu_ps(at + 8)}}; }
  static void store(float* at, F x) {
    _mm256_storeu_ps(at, x.half[0]);
    _mm256_storeu_ps(at + 8, x.half[1]);
  }
  static void store_first(float* at, F x, size_t count) {
    alignas(32) float lanes[16];
    store(lanes, x);
    for (size_t i = 0; i < count; ++i) at[i] = lanes[i];
  }
  static F add(F a, F b) {
    return {{_mm256_add_ps(a.half[0], b.half[0]), _mm256_add_ps(a.half[1], b.half[1])}};
  }
  static F mul(F a, F b) {
    return {{_mm256_mul_ps(a.half[0], b.half[0]), _mm256_mul_ps(a.half[1], b.half[1])}};
  }
  static F fma(F a, F b, F c) {
    return {{_mm256_fmadd_ps(a.half[0], b.half[0], c.half[0]),
             _mm256_fmadd_ps(a.half[1], b.half[1], c.half[1])}};
  }
  static F to_float(I x) {
    return {{_mm256_cvtepi32_ps(x.half[0]), _mm256_cvtepi32_ps(x.half[1])}};
  }

  template <ScaleType type>
  static __m256 load_8_scales(const uint8_t* at) {
    if constexpr (type == ScaleType::f32) {
      return _mm256_loadu_ps(reinterpret_cast<const float*>(at));
    } else if constexpr (type == ScaleType::e8m0) {
      // The exponent's place; 2^-127 has its one bit in the mantissa's highest.
      const __m256i exponent = _mm256_slli_epi32(_mm256_cvtepu8_epi32(load_8_bytes(at)), 23);
      return _mm256_castsi256_ps(_mm256_max_epu32(exponent, _mm256_set1_epi32(0x00400000)));
    } else if constexpr (type == ScaleType::e4m3) {
      // Its fields stand like those of a float16 whose exponent counts from 8 more.
      const __m128i words = _mm_cvtepi8_epi16(load_8_bytes(at));
      const __m128i sign = _mm_and_si128(words, _mm_set1_epi16(-0x8000));
      const __m128i magnitude = _mm_and_si128(_mm_slli_epi16(words, 7), _mm_set1_epi16(0x3f80));
      return _mm256_mul_ps(_mm256_cvtph_ps(_mm_or_si128(sign, magnitude)), _mm256_set1_ps(256));
    } else {
      const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
      if constexpr (type == ScaleType::f16) return _mm256_cvtph_ps(bits);
      return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
    }
  }
  template <ScaleType type>
  static F load_scales(const uint8_t* at) {
    return {{load_8_scales<type>(at), load_8_scales<type>(at + scale_row_bytes(type) / 2)}};
  }

  static __m128i load_8_bytes(const uint8_t* at) {
    return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(at));
  }
  static F load_signed(const uint8_t* at) {
    return to_float(
        {{_mm256_cvtepi8_epi32(load_8_bytes(at)), _mm256_cvtepi8_epi32(load_8_bytes(at + 8))}});
  }
  static F load_unsigned(const uint8_t* at) {
    return to_float(
        {{_mm256_cvtepu8_epi32(load_8_bytes(at)), _mm256_cvtepu8_epi32(load_8_bytes(at + 8))}});
  }

  // Sixteen entries at a time: a register shuffles within its halves, which hold the same.
  using Table = const uint8_t*;
  template <int bits>
  static Table load_table(const uint8_t* at) {
    return at;
  }
  template <int bits>
  static Tile look_up(Table table, Tile codes) {
    constexpr int parts = bits <= 4 ? 1 : 1 << (bits - 4);
    Tile found{{_mm256_setzero_si256(), _mm256_setzero_si256()}};
    for (int part = 0; part < parts; ++part) {
      const __m256i entries = _mm256_broadcastsi128_si256(
          _mm_loadu_si128(reinterpret_cast<const __m128i*>(table + part * 16)));
      for (int i = 0; i < 2; ++i) {
        // An index of another part gets its highest bit set, which shuffles in a zero.
        const __m256i index =
            _mm256_xor_si256(codes.half[i], _mm256_set1_epi8(static_cast<char>(part << 4)));
        const __m256i here = parts == 1 ? index : _mm256_adds_epu8(index, _mm256_set1_epi8(0x70));
        found.half[i] = _mm256_or_si256(found.half[i], _mm256_shuffle_epi8(entries, here));
      }
    }
    return found;
  }

  // Shifts act on 16-bit lanes; the mask takes away what crosses a byte's border.
  template <int count>
  static __m256i shift_left(__m256i x) {
    if constexpr (count > 0) return _mm256_slli_epi16(x, count);
    if constexpr (count < 0) return _mm256_srli_epi16(x, -count);
    return x;
  }

  template <int bits, int j>
  static Tile tile(const uint8_t* block) {
    constexpr int low = quant::low_plane_bits(bits);
    constexpr int high = quant::high_plane_bits(bits);
    constexpr int low_tiles = 8 / low;
    Tile codes = load_tile(block + j / low_tiles * tile_bytes);
    if constexpr (low < 8) {
      const __m256i mask = _mm256_set1_epi8((1 << low) - 1);
      for (__m256i& half : codes.half) {
        half = _mm256_and_si256(shift_left<-(j % low_tiles * low)>(half), mask);
      }
    }
    if constexpr (high > 0) {
      constexpr int high_tiles = 8 / high;
      const Tile plane = load_tile(block + (low + j / high_tiles) * tile_bytes);
      const __m256i mask = _mm256_set1_epi8(((1 << high) - 1) << low);
      for (int i = 0; i < 2; ++i) {
        const __m256i more = shift_left<low - j % high_tiles * high>(plane.half[i]);
        codes.half[i] = _mm256_or_si256(codes.half[i], _mm256_and_si256(more, mask));
      }
    }
    return codes;
  }
  static Tile load_tile(const uint8_t* at) {
    const auto* halves = reinterpret_cast<const __m256i*>(at);
    return {{_mm256_loadu_si256(halves), _mm256_loadu_si256(halves + 1)}};
  }
  static void store_tile(uint8_t* at, Tile x) {
    auto* halves = reinterpret_cast<__m256i*>(at);
    _mm256_storeu_si256(halves, x.half[0]);
    _mm256_storeu_si256(halves + 1, x.half[1]);
  }
  static F inputs(Tile x, int i) {
    const __m128i shift = _mm_cvtsi32_si128(8 * i);
    const __m256i mask = _mm256_set1_epi32(0xff);
    return to_float({{_mm256_and_si256(_mm256_srl_epi32(x.half[0], shift), mask),
                      _mm256_and_si256(_mm256_srl_epi32(x.half[1], shift), mask)}});
  }

  // Products of 4 rows of `bits` that 16 bits can add up: run * 2 * 127 * (2^bits - 1) < 2^15.
  template <int bits, int chains, int tiles>
  struct Dot {
    static constexpr int most = bits <= 4 ? 8 : bits == 5 ? 4 : 2;
    static constexpr int run = most < tiles ? most : tiles;
    static_assert(bits <= 6 && run * 2 * 127 * ((1 << bits) - 1) < (1 << 15));
    __m256i sum[2];
    __m256i narrow[2];
    void clear() { sum[0] = sum[1] = _mm256_setzero_si256(); }

    template <int j>
    void add(Tile w, const int8_t* x) {
      int32_t four;
      __builtin_memcpy(&four, x, sizeof(four));
      const __m256i inputs = _mm256_set1_epi32(four);
      for (int i = 0; i < 2; ++i) {
        const __m256i pairs = _mm256_maddubs_epi16(w.half[i], inputs);
        narrow[i] = j % run == 0 ? pairs : _mm256_add_epi16(narrow[i], pairs);
        if constexpr (j % run == run - 1) {
          sum[i] = _mm256_add_epi32(sum[i], _mm256_madd_epi16(narrow[i], _mm256_set1_epi16(1)));
        }
      }
    }
    I total() const { return {{sum[0], sum[1]}}; }
  };

  template <int chains, int tiles>
  struct Dot<8, chains, tiles> {
    Dot<4, chains, tiles> low, high;
    void clear() {
      low.clear();
      high.clear();
    }

    template <int j>
    void add(Tile w, const int8_t* x) {
      const __m256i mask = _mm256_set1_epi8(15);
      low.template add<j>({{_mm256_and_si256(w.half[0], mask), _mm256_and_si256(w.half[1], mask)}},
                          x);
      high.template add<j>({{_mm256_and_si256(_mm256_srli_epi16(w.half[0], 4), mask),
                             _mm256_and_si256(_mm256_srli_epi16(w.half[1], 4), mask)}},
                           x);
    }
    I total() const {
      return {{_mm256_add_epi32(low.sum[0], _mm256_slli_epi32(high.sum[0], 4)),
               _mm256_add_epi32(low.sum[1], _mm256_slli_epi32(high.sum[1], 4))}};
    }
  };

  static void prefetch(const uint8_t* at) {
    _mm_prefetch(reinterpret_cast<const char*>(at), _MM_HINT_T0);
  }
};

}  // namespace

extern const QMatmulKernels qmatmul_avx2;
constinit const QMatmulKernels qmatmul_avx2 = qmatmul_table<Avx2>();

}  // namespace tarn::cpu
