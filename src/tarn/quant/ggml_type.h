// The tensor types of GGUF files: their numbers, names and block sizes, as ggml defines them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace tarn::quant {

enum class GgmlType : uint32_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q4_1 = 3,
  q5_0 = 6,
  q5_1 = 7,
  q8_0 = 8,
  q8_1 = 9,  // an intermediate of products, not of files
  q2_k = 10,
  q3_k = 11,
  q4_k = 12,
  q5_k = 13,
  q6_k = 14,
  q8_k = 15,  // an intermediate of products, not of files
  iq2_xxs = 16,
  iq2_xs = 17,
  iq3_xxs = 18,
  iq1_s = 19,
  iq4_nl = 20,
  iq3_s = 21,
  iq2_s = 22,
  iq4_xs = 23,
  i8 = 24,
  i16 = 25,
  i32 = 26,
  i64 = 27,
  f64 = 28,
  iq1_m = 29,
  bf16 = 30,
  tq1_0 = 34,
  tq2_0 = 35,
  mxfp4 = 39,
  nvfp4 = 40,
};

struct GgmlTypeInfo {
  GgmlType type;
  std::string_view name;  // as llama.cpp prints it: "Q4_K", "IQ4_NL", "F16"
  size_t block_values;    // consecutive values of a row that are stored together
  size_t block_bytes;
};

// Every type above.
std::span<const GgmlTypeInfo> ggml_types();
// Nothing for numbers that are not in use (among them those that ggml has withdrawn).
std::optional<GgmlTypeInfo> ggml_type_info(uint32_t number);
const GgmlTypeInfo& info(GgmlType type);
// Upper and lower case alike: "q4_k", "Q4_K".
std::optional<GgmlType> ggml_type_from_name(std::string_view name);

}  // namespace tarn::quant
