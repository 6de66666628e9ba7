// Element types of arrays and how two of them combine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tarn/base/half.h"

namespace tarn {

enum class Dtype : uint8_t { bool_, u8, u16, u32, u64, i8, i16, i32, i64, f16, bf16, f32, f64 };

enum class Category { boolean, unsigned_integer, signed_integer, floating };

size_t size_of(Dtype dtype);         // bytes of one element
std::string_view name(Dtype dtype);  // "float32", "bfloat16", "bool", ...
Category category(Dtype dtype);
inline bool is_floating(Dtype dtype) { return dtype >= Dtype::f16; }
inline bool is_integer(Dtype dtype) { return dtype >= Dtype::u8 && dtype <= Dtype::i64; }

// The smallest type that holds both, as MLX defines it: a float beats an integer and keeps its
// width, f16 with bf16 gives f32, u64 with a signed integer gives f32.
Dtype promote(Dtype a, Dtype b);

template <typename T>
constexpr Dtype dtype_of();
template <>
constexpr Dtype dtype_of<bool>() {
  return Dtype::bool_;
}
template <>
constexpr Dtype dtype_of<uint8_t>() {
  return Dtype::u8;
}
template <>
constexpr Dtype dtype_of<uint16_t>() {
  return Dtype::u16;
}
template <>
constexpr Dtype dtype_of<uint32_t>() {
  return Dtype::u32;
}
template <>
constexpr Dtype dtype_of<uint64_t>() {
  return Dtype::u64;
}
template <>
constexpr Dtype dtype_of<int8_t>() {
  return Dtype::i8;
}
template <>
constexpr Dtype dtype_of<int16_t>() {
  return Dtype::i16;
}
template <>
constexpr Dtype dtype_of<int32_t>() {
  return Dtype::i32;
}
template <>
constexpr Dtype dtype_of<int64_t>() {
  return Dtype::i64;
}
template <>
constexpr Dtype dtype_of<float16>() {
  return Dtype::f16;
}
template <>
constexpr Dtype dtype_of<bfloat16>() {
  return Dtype::bf16;
}
template <>
constexpr Dtype dtype_of<float>() {
  return Dtype::f32;
}
template <>
constexpr Dtype dtype_of<double>() {
  return Dtype::f64;
}

// Calls f(T{}) with the C++ type of `dtype`.
template <typename F>
decltype(auto) dispatch(Dtype dtype, F&& f) {
  switch (dtype) {
    case Dtype::bool_:
      return f(bool{});
    case Dtype::u8:
      return f(uint8_t{});
    case Dtype::u16:
      return f(uint16_t{});
    case Dtype::u32:
      return f(uint32_t{});
    case Dtype::u64:
      return f(uint64_t{});
    case Dtype::i8:
      return f(int8_t{});
    case Dtype::i16:
      return f(int16_t{});
    case Dtype::i32:
      return f(int32_t{});
    case Dtype::i64:
      return f(int64_t{});
    case Dtype::f16:
      return f(float16{});
    case Dtype::bf16:
      return f(bfloat16{});
    case Dtype::f64:
      return f(double{});
    default:
      return f(float{});
  }
}

}  // namespace tarn
