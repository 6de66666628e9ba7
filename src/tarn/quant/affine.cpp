#include "tarn/quant/affine.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "tarn/base/error.h"

namespace tarn::quant {
namespace {

static_assert(std::endian::native == std::endian::little, "packed codes are little-endian");

constexpr int max_group_size = 128;

struct Range {
  float scale;
  float bias;
};

// The edge of larger magnitude becomes a whole number of steps, so that it and zero are exact.
Range fit(const float* weights, int group_size, float steps) {
  constexpr float smallest_scale = 1e-7F;
  float low = std::numeric_limits<float>::infinity();
  float high = -low;
  bool finite = true;
  for (int i = 0; i < group_size; ++i) {
    high = high < weights[i] ? weights[i] : high;
    low = weights[i] < low ? weights[i] : low;
    finite = finite && std::isfinite(weights[i]);
  }
  if (!finite) {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    return {nan, nan};
  }
  const bool low_edge = std::abs(low) > std::abs(high);
  float scale = (high - low) / steps;
  scale = scale < smallest_scale ? smallest_scale : scale;
  scale = low_edge ? scale : -scale;
  const float edge = low_edge ? low : high;
  const float edge_code = std::rint(edge / scale);
  if (edge_code == 0) return {scale, 0};
  return {edge / edge_code, edge};
}

// Every 8 codes fill `Bits` whole bytes.
template <int Bits>
void pack(size_t count, const uint8_t* codes, uint8_t* bytes) {
  for (size_t i = 0; i < count; i += 8) {
    uint64_t word = 0;
    for (int j = 0; j < 8; ++j) word |= static_cast<uint64_t>(codes[i + j]) << (Bits * j);
    std::memcpy(bytes, &word, Bits);
    bytes += Bits;
  }
}

template <int Bits>
void unpack(size_t count, const uint8_t* bytes, uint8_t* codes) {
  constexpr uint64_t mask = (1U << Bits) - 1;
  for (size_t i = 0; i < count; i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes, Bits);
    for (int j = 0; j < 8; ++j) codes[i + j] = static_cast<uint8_t>((word >> (Bits * j)) & mask);
    bytes += Bits;
  }
}

[[noreturn]] void fail_bits(int bits) {
  fail(ErrorCode::invalid_argument,
       "affine quantization: {} bits are not supported; use 2, 3, 4, 5, 6 or 8", bits);
}

}  // namespace

void check_affine(const AffineFormat& format, size_t columns) {
  if (format.bits < 2 || format.bits > 8 || format.bits == 7) fail_bits(format.bits);
  if (format.group_size != 32 && format.group_size != 64 && format.group_size != 128) {
    fail(ErrorCode::invalid_argument,
         "affine quantization: a group of {} is not supported; use 32, 64 or 128",
         format.group_size);
  }
  if (columns % static_cast<size_t>(format.group_size) != 0) {
    fail(ErrorCode::invalid_argument,
         "affine quantization: rows of {} inputs do not divide into groups of {}; choose a group "
         "size that divides the input size",
         columns, format.group_size);
  }
}

void pack_codes(int bits, size_t count, const uint8_t* codes, uint32_t* words) {
  auto* bytes = reinterpret_cast<uint8_t*>(words);
  switch (bits) {
    case 1:
      return pack<1>(count, codes, bytes);
    case 2:
      return pack<2>(count, codes, bytes);
    case 3:
      return pack<3>(count, codes, bytes);
    case 4:
      return pack<4>(count, codes, bytes);
    case 5:
      return pack<5>(count, codes, bytes);
    case 6:
      return pack<6>(count, codes, bytes);
    case 8:
      std::memcpy(bytes, codes, count);
      return;
    default:
      fail_bits(bits);
  }
}

void unpack_codes(int bits, size_t count, const uint32_t* words, uint8_t* codes) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(words);
  switch (bits) {
    case 1:
      return unpack<1>(count, bytes, codes);
    case 2:
      return unpack<2>(count, bytes, codes);
    case 3:
      return unpack<3>(count, bytes, codes);
    case 4:
      return unpack<4>(count, bytes, codes);
    case 5:
      return unpack<5>(count, bytes, codes);
    case 6:
      return unpack<6>(count, bytes, codes);
    case 8:
      std::memcpy(codes, bytes, count);
      return;
    default:
      fail_bits(bits);
  }
}

template <typename Scale>
void affine_encode(const AffineFormat& format, size_t rows, size_t columns, const float* weights,
                   uint32_t* codes, Scale* scales, Scale* biases) {
  check_affine(format, columns);
  const auto group_size = static_cast<size_t>(format.group_size);
  const size_t group_words = packed_words(group_size, format.bits);
  const auto steps = static_cast<float>((1 << format.bits) - 1);
  std::array<uint8_t, max_group_size> group_codes;
  for (size_t group = 0; group < rows * (columns / group_size); ++group) {
    const float* w = weights + group * group_size;
    const Range range = fit(w, format.group_size, steps);
    for (size_t i = 0; i < group_size; ++i) {
      float code = std::rint((w[i] - range.bias) / range.scale);
      code = code > 0 ? code : 0;  // NaN becomes 0 too: an integer conversion of it is undefined
      group_codes[i] = static_cast<uint8_t>(code < steps ? code : steps);
    }
    pack_codes(format.bits, group_size, group_codes.data(), codes + group * group_words);
    scales[group] = from_float<Scale>(range.scale);
    biases[group] = from_float<Scale>(range.bias);
  }
}

template <typename Scale, typename Out>
void affine_decode(const AffineFormat& format, size_t rows, size_t columns, const uint32_t* codes,
                   const Scale* scales, const Scale* biases, Out* out) {
  check_affine(format, columns);
  const auto group_size = static_cast<size_t>(format.group_size);
  const size_t group_words = packed_words(group_size, format.bits);
  std::array<uint8_t, max_group_size> group_codes;
  for (size_t group = 0; group < rows * (columns / group_size); ++group) {
    unpack_codes(format.bits, group_size, codes + group * group_words, group_codes.data());
    const float scale = to_float(scales[group]);
    const float bias = to_float(biases[group]);
    Out* values = out + group * group_size;
    for (size_t i = 0; i < group_size; ++i) {
      const Out product = from_float<Out>(static_cast<float>(group_codes[i]) * scale);
      values[i] = from_float<Out>(to_float(product) + bias);
    }
  }
}

#define TARN_INSTANTIATE_DECODE(Scale, Out)                                                       \
  template void affine_decode(const AffineFormat&, size_t, size_t, const uint32_t*, const Scale*, \
                              const Scale*, Out*);
#define TARN_INSTANTIATE(Scale)                                                             \
  template void affine_encode(const AffineFormat&, size_t, size_t, const float*, uint32_t*, \
                              Scale*, Scale*);                                              \
  TARN_INSTANTIATE_DECODE(Scale, float)
TARN_INSTANTIATE(float)
TARN_INSTANTIATE(float16)
TARN_INSTANTIATE(bfloat16)
TARN_INSTANTIATE_DECODE(float16, float16)
TARN_INSTANTIATE_DECODE(bfloat16, bfloat16)
#undef TARN_INSTANTIATE
#undef TARN_INSTANTIATE_DECODE

}  // namespace tarn::quant
