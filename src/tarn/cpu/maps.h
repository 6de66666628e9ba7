// The CPU's elementwise functions: contiguous runs of values, one function for each operation and
// type.
#pragma once

#include <span>
#include <string_view>

#include "tarn/core/unit.h"

namespace tarn::cpu {

// Null: no such operation on these types.
MapFunction find_unary_map(std::string_view op, Dtype in, Dtype out);
MapFunction find_binary_map(std::string_view op, Dtype in, Dtype out);
MapFunction find_cast_map(Dtype in, Dtype out);
MapFunction find_copy_map(Dtype dtype);
MapFunction find_where_map(Dtype dtype);

// The type arithmetic happens in, and the ways in and out of it.
template <typename T>
struct Compute {
  using type = T;
  static T load(T x) { return x; }
  static T store(T x) { return x; }
};
template <>
struct Compute<float16> {
  using type = float;
  static float load(float16 x) { return to_float(x); }
  static float16 store(float x) { return to_float16(x); }
};
template <>
struct Compute<bfloat16> {
  using type = float;
  static float load(bfloat16 x) { return to_float(x); }
  static bfloat16 store(float x) { return to_bfloat16(x); }
};

}  // namespace tarn::cpu
