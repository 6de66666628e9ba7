// The policy of qmatmul_impl.h for NEON: a tile is four registers, each 4 inputs of 4 rows. The
// including file's flags decide how 4 products of bytes are added into a 32-bit lane:
//   I8MM      unsigned codes times signed activations in one instruction
//   DotProd   signed times signed in one instruction
//   neither   products and their pairs at 16 bits, which hold 2 * 128 * 127
// The latter two take codes of up to 6 bits as they are. Codes of 8 bits become signed by taking
// away 128, and 128 times the sum of the activations is added at the end. All sums are exact.
#pragma once

#if defined(__GNUC__) && !defined(__clang__)
// Its first scheduling pass moves the loads of many tiles ahead of their use: the sums would no
// longer fit the registers and be stored in every round.
#pragma GCC optimize("no-schedule-insns")
#endif
#include <arm_neon.h>

#include "tarn/cpu/isa/qmatmul_impl.h"

namespace tarn::cpu {
namespace {

struct Neon {
  struct F {
    float32x4_t quad[4];
  };
  struct I {
    int32x4_t quad[4];
  };
  struct Tile {
    uint8x16_t quad[4];
  };

  // f(0), ... f(3) into the quads of a result.
  template <class To, class Function>
  [[gnu::always_inline]] static To quads(Function&& f) {
    return {{f(std::integral_constant<int, 0>{}), f(std::integral_constant<int, 1>{}),
             f(std::integral_constant<int, 2>{}), f(std::integral_constant<int, 3>{})}};
  }

#if defined(__ARM_FEATURE_MATMUL_INT8)
  static constexpr bool mixed_signs = true;
#else
  static constexpr bool mixed_signs = false;
#endif

  // 24 sums, 4 quads of a tile and a broadcast in 32 registers.
  static constexpr int stream_tokens = tile_of(4);
  static constexpr size_t stream_limit = 8;
  static constexpr int gemm_panels = 1;
  static constexpr int gemm_tokens = tile_of(6);
  static constexpr int exact_tokens = 1;
  static constexpr int dot_bits(int bits) { return mixed_signs || bits == 8 ? 8 : 6; }

  static F zero() { return set1(0); }
  static F set1(float x) {
    return quads<F>([=](int) { return vdupq_n_f32(x); });
  }
  static F load(const float* at) {
    return quads<F>([=](int i) { return vld1q_f32(at + 4 * i); });
  }
  static void store(float* at, F x) {
    for (int i = 0; i < 4; ++i) vst1q_f32(at + 4 * i, x.quad[i]);
  }
  static void store_first(float* at, F x, size_t count) {
    float lanes[16];
    store(lanes, x);
    for (size_t i = 0; i < count; ++i) at[i] = lanes[i];
  }
  static F add(F a, F b) {
    return quads<F>([&](int i) { return vaddq_f32(a.quad[i], b.quad[i]); });
  }
  static F mul(F a, F b) {
    return quads<F>([&](int i) { return vmulq_f32(a.quad[i], b.quad[i]); });
  }
  static F fma(F a, F b, F c) {
    return quads<F>([&](int i) { return vfmaq_f32(c.quad[i], a.quad[i], b.quad[i]); });
  }
  static F to_float(I x) {
    return quads<F>([&](int i) { return vcvtq_f32_s32(x.quad[i]); });
  }

  template <ScaleType type>
  static F load_scales(const uint8_t* at) {
    return quads<F>([=](int i) {
      if constexpr (type == ScaleType::f32) {
        return vld1q_f32(reinterpret_cast<const float*>(at) + 4 * i);
      } else if constexpr (type == ScaleType::e8m0) {
        // The exponent's place; 2^-127 has its one bit in the mantissa's highest.
        const uint32x4_t exponent = vshlq_n_u32(load_4_bytes(at + 4 * i), 23);
        return vreinterpretq_f32_u32(vmaxq_u32(exponent, vdupq_n_u32(0x00400000)));
      } else if constexpr (type == ScaleType::e4m3) {
        // Its fields stand like those of a float16 whose exponent counts from 8 more.
        const uint16x4_t byte = vmovn_u32(load_4_bytes(at + 4 * i));
        const uint16x4_t sign = vshl_n_u16(vand_u16(byte, vdup_n_u16(0x80)), 8);
        const uint16x4_t magnitude = vshl_n_u16(vand_u16(byte, vdup_n_u16(0x7f)), 7);
        return vmulq_n_f32(vcvt_f32_f16(vreinterpret_f16_u16(vorr_u16(sign, magnitude))), 256);
      } else {
        const uint16x4_t bits = vld1_u16(reinterpret_cast<const uint16_t*>(at) + 4 * i);
        if constexpr (type == ScaleType::f16) return vcvt_f32_f16(vreinterpret_f16_u16(bits));
        return vreinterpretq_f32_u32(vshll_n_u16(bits, 16));
      }
    });
  }

  static uint32x4_t load_4_bytes(const uint8_t* at) {
    uint32_t four;
    __builtin_memcpy(&four, at, sizeof(four));
    const uint8x8_t bytes = vreinterpret_u8_u32(vdup_n_u32(four));
    return vmovl_u16(vget_low_u16(vmovl_u8(bytes)));
  }
  static F load_signed(const uint8_t* at) {
    return quads<F>([=](int i) {
      const int32x4_t bytes = vreinterpretq_s32_u32(vshlq_n_u32(load_4_bytes(at + 4 * i), 24));
      return vcvtq_f32_s32(vshrq_n_s32(bytes, 24));
    });
  }
  static F load_unsigned(const uint8_t* at) {
    return quads<F>([=](int i) { return vcvtq_f32_u32(load_4_bytes(at + 4 * i)); });
  }

  // Tables of up to 64 entries are four registers; an index beyond gives zero.
  using Table = const uint8_t*;
  template <int bits>
  static Table load_table(const uint8_t* at) {
    return at;
  }
  template <int bits>
  static Tile look_up(Table table, Tile codes) {
    if constexpr (bits <= 4) {
      const uint8x16_t entries = vld1q_u8(table);
      return quads<Tile>([&](int i) { return vqtbl1q_u8(entries, codes.quad[i]); });
    } else {
      constexpr int parts = bits == 8 ? 4 : 1;
      Tile found = quads<Tile>([](int) { return vdupq_n_u8(0); });
      for (int part = 0; part < parts; ++part) {
        const uint8x16x4_t entries = vld1q_u8_x4(table + part * 64);
        const uint8x16_t first = vdupq_n_u8(static_cast<uint8_t>(part * 64));
        found = quads<Tile>([&](int i) {
          const uint8x16_t index = vsubq_u8(codes.quad[i], first);
          return vorrq_u8(found.quad[i], vqtbl4q_u8(entries, index));
        });
      }
      return found;
    }
  }

  template <int count>
  static uint8x16_t shift_right(uint8x16_t x) {
    if constexpr (count > 0) return vshrq_n_u8(x, count);
    return x;
  }
  // `width` bits from bit `at` on, in the lowest place.
  template <int at, int width>
  static uint8x16_t field(uint8x16_t x) {
    const uint8x16_t shifted = shift_right<at>(x);
    if constexpr (at + width == 8) return shifted;
    return vandq_u8(shifted, vdupq_n_u8((1 << width) - 1));
  }

  template <int bits, int j>
  static Tile tile(const uint8_t* block) {
    constexpr int low = quant::low_plane_bits(bits);
    constexpr int high = quant::high_plane_bits(bits);
    constexpr int low_tiles = 8 / low;
    Tile codes = load_tile(block + j / low_tiles * tile_bytes);
    codes = quads<Tile>([&](int i) { return field<j % low_tiles * low, low>(codes.quad[i]); });
    if constexpr (high > 0) {
      constexpr int high_tiles = 8 / high;
      const Tile plane = load_tile(block + (low + j / high_tiles) * tile_bytes);
      codes = quads<Tile>([&](int i) {
        const uint8x16_t more = field<j % high_tiles * high, high>(plane.quad[i]);
        return vsliq_n_u8(codes.quad[i], more, low);
      });
    }
    return codes;
  }
  static Tile load_tile(const uint8_t* at) {
    return quads<Tile>([=](int i) { return vld1q_u8(at + 16 * i); });
  }
  static void store_tile(uint8_t* at, Tile x) {
    for (int i = 0; i < 4; ++i) vst1q_u8(at + 16 * i, x.quad[i]);
  }
  static F inputs(Tile x, int input) {
    const int32x4_t shift = vdupq_n_s32(-8 * input);
    return quads<F>([&](int i) {
      const uint32x4_t bytes = vshlq_u32(vreinterpretq_u32_u8(x.quad[i]), shift);
      return vcvtq_f32_u32(vandq_u32(bytes, vdupq_n_u32(0xff)));
    });
  }

  // sum[lane] += the 4 products of the lane's bytes.
  static int32x4_t add_products(int32x4_t sum, int8x16_t w, int8x16_t x) {
#if defined(__ARM_FEATURE_DOTPROD)
    return vdotq_s32(sum, w, x);
#else
    const int16x8_t low = vmull_s8(vget_low_s8(w), vget_low_s8(x));
    const int16x8_t high = vmull_high_s8(w, x);
    return vpadalq_s16(sum, vpaddq_s16(low, high));
#endif
  }
  static int8x16_t broadcast(const int8_t* x) {
    int32_t four;
    __builtin_memcpy(&four, x, sizeof(four));
    return vreinterpretq_s8_s32(vdupq_n_s32(four));
  }

  // The four quads are independent sums: two of each cover the latency, whatever `chains` says.
  template <int bits, int chains, int tiles>
  struct Dot {
    static constexpr bool offset = bits == 8 && !mixed_signs;
    static constexpr int sums = chains > 1 ? 2 : 1;
    I sum[sums];
    int32x4_t of_inputs;  // with an offset: the sum of the activations in every lane
    void clear() {
      for (I& one : sum) one = quads<I>([](int) { return vdupq_n_s32(0); });
      if constexpr (offset) of_inputs = vdupq_n_s32(0);
    }
    template <int j>
    void add(Tile w, const int8_t* at) {
      const int8x16_t x = broadcast(at);
      I& to = sum[j % sums];
#if defined(__ARM_FEATURE_MATMUL_INT8)
      to = quads<I>([&](int i) { return vusdotq_s32(to.quad[i], w.quad[i], x); });
#else
      to = quads<I>([&](int i) {
        uint8x16_t code = w.quad[i];
        if constexpr (offset) code = veorq_u8(code, vdupq_n_u8(0x80));
        return add_products(to.quad[i], vreinterpretq_s8_u8(code), x);
      });
      if constexpr (offset) of_inputs = add_products(of_inputs, vdupq_n_s8(1), x);
#endif
    }
    I total() const {
      return quads<I>([&](int i) {
        int32x4_t all = sum[0].quad[i];
        if constexpr (sums == 2) all = vaddq_s32(all, sum[1].quad[i]);
        if constexpr (offset) all = vaddq_s32(all, vshlq_n_s32(of_inputs, 7));
        return all;
      });
    }
  };

  static void prefetch(const uint8_t* at) { __builtin_prefetch(at, 0, 3); }
};

}  // namespace
}  // namespace tarn::cpu
