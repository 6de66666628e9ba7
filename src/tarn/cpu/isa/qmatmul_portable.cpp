// Plain C++: what the other variants are tested against.
#include <cmath>
#include <cstring>

#include "tarn/base/half.h"
#include "tarn/cpu/isa/qmatmul_impl.h"

namespace tarn::cpu {
namespace {

struct Portable {
  struct F {
    float lane[16];
  };
  struct I {
    int32_t lane[16];
  };
  struct Tile {
    uint8_t byte[64];
  };

  static constexpr int stream_tokens = 1;
  static constexpr size_t stream_limit = 1;
  static constexpr int gemm_panels = 1;
  static constexpr int gemm_tokens = 2;
  static constexpr int exact_tokens = 2;
  static constexpr int dot_bits(int) { return 8; }

  static F set1(float x) {
    F y;
    for (float& lane : y.lane) lane = x;
    return y;
  }
  static F zero() { return set1(0); }
  static F load(const float* at) {
    F y;
    std::memcpy(y.lane, at, sizeof(y.lane));
    return y;
  }
  static void store(float* at, const F& x) { std::memcpy(at, x.lane, sizeof(x.lane)); }
  static void store_first(float* at, const F& x, size_t count) {
    std::memcpy(at, x.lane, count * sizeof(float));
  }
  static F add(const F& a, const F& b) {
    F y;
    for (int i = 0; i < 16; ++i) y.lane[i] = a.lane[i] + b.lane[i];
    return y;
  }
  static F mul(const F& a, const F& b) {
    F y;
    for (int i = 0; i < 16; ++i) y.lane[i] = a.lane[i] * b.lane[i];
    return y;
  }
  static F fma(const F& a, const F& b, const F& c) {
    F y;
    for (int i = 0; i < 16; ++i) y.lane[i] = std::fma(a.lane[i], b.lane[i], c.lane[i]);
    return y;
  }
  static F to_float(const I& x) {
    F y;
    for (int i = 0; i < 16; ++i) y.lane[i] = static_cast<float>(x.lane[i]);
    return y;
  }

  template <ScaleType type>
  static F load_scales(const uint8_t* at) {
    F y;
    for (int i = 0; i < 16; ++i) {
      if constexpr (type == ScaleType::f32) {
        std::memcpy(&y.lane[i], at + i * 4, 4);
      } else if constexpr (type == ScaleType::e8m0) {
        const uint32_t bits = at[i] == 0 ? 0x00400000U : static_cast<uint32_t>(at[i]) << 23;
        std::memcpy(&y.lane[i], &bits, 4);
      } else if constexpr (type == ScaleType::e4m3) {
        // Its fields stand like those of a float16 whose exponent counts from 8 more.
        const auto half = static_cast<uint16_t>((at[i] & 0x80) << 8 | (at[i] & 0x7f) << 7);
        y.lane[i] = tarn::to_float(float16{half}) * 256;
      } else {
        uint16_t bits;
        std::memcpy(&bits, at + i * 2, 2);
        y.lane[i] =
            type == ScaleType::f16 ? tarn::to_float(float16{bits}) : tarn::to_float(bfloat16{bits});
      }
    }
    return y;
  }

  static F load_signed(const uint8_t* at) {
    F y;
    for (int i = 0; i < 16; ++i) y.lane[i] = static_cast<int8_t>(at[i]);
    return y;
  }
  static F load_unsigned(const uint8_t* at) {
    F y;
    for (int i = 0; i < 16; ++i) y.lane[i] = at[i];
    return y;
  }

  using Table = const uint8_t*;
  template <int bits>
  static Table load_table(const uint8_t* at) {
    return at;
  }
  template <int bits>
  static Tile look_up(Table table, const Tile& codes) {
    Tile y;
    for (int i = 0; i < tile_bytes; ++i) y.byte[i] = table[codes.byte[i]];
    return y;
  }

  template <int bits, int j>
  static Tile tile(const uint8_t* block) {
    constexpr int low = quant::low_plane_bits(bits);
    constexpr int high = quant::high_plane_bits(bits);
    constexpr int low_tiles = 8 / low;
    const uint8_t* plane = block + j / low_tiles * tile_bytes;
    Tile y;
    for (int i = 0; i < tile_bytes; ++i) {
      y.byte[i] = static_cast<uint8_t>(plane[i] >> (j % low_tiles * low) & ((1 << low) - 1));
    }
    if constexpr (high > 0) {
      constexpr int high_tiles = 8 / high;
      plane = block + (low + j / high_tiles) * tile_bytes;
      for (int i = 0; i < tile_bytes; ++i) {
        const int more = plane[i] >> (j % high_tiles * high) & ((1 << high) - 1);
        y.byte[i] = static_cast<uint8_t>(y.byte[i] | more << low);
      }
    }
    return y;
  }
  static Tile load_tile(const uint8_t* at) {
    Tile y;
    std::memcpy(y.byte, at, sizeof(y.byte));
    return y;
  }
  static void store_tile(uint8_t* at, const Tile& x) { std::memcpy(at, x.byte, sizeof(x.byte)); }
  static F inputs(const Tile& x, int i) {
    F y;
    for (int row = 0; row < 16; ++row) y.lane[row] = x.byte[row * tile_inputs + i];
    return y;
  }

  template <int bits, int chains, int tiles>
  struct Dot {
    I sum;
    void clear() { sum = {}; }
    template <int j>
    void add(const Tile& w, const int8_t* x) {
      for (int row = 0; row < 16; ++row) {
        const uint8_t* codes = w.byte + row * tile_inputs;
        sum.lane[row] += codes[0] * x[0] + codes[1] * x[1] + codes[2] * x[2] + codes[3] * x[3];
      }
    }
    const I& total() const { return sum; }
  };

  static void prefetch(const uint8_t*) {}
};

}  // namespace

extern const QMatmulKernels qmatmul_portable;
constinit const QMatmulKernels qmatmul_portable = qmatmul_table<Portable>();

}  // namespace tarn::cpu
