// What stands before the data of a GGUF file, checked in full. Sizes are bounded by those of the
// file before anything is allocated for them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tarn/io/gguf.h"

namespace tarn {

struct GgufTensorEntry {
  std::string name;
  quant::GgmlType type = quant::GgmlType::f32;
  std::vector<int64_t> shape;  // row-major
  uint64_t begin = 0;          // in the file
  uint64_t end = 0;
};

struct GgufHeader {
  uint32_t version = 0;
  uint64_t alignment = 0;
  std::vector<std::pair<std::string, GgufValue>> metadata;  // texts view `bytes`
  std::vector<GgufTensorEntry> tensors;                     // by their place in the file
};

// Limits that no file in use comes near.
inline constexpr uint64_t gguf_max_key = 65535;
inline constexpr uint64_t gguf_max_name = 1024;
inline constexpr int gguf_max_rank = 4;
inline constexpr uint64_t gguf_max_array = uint64_t{1} << 25;
inline constexpr uint64_t gguf_max_alignment = uint64_t{1} << 20;

// `bytes`: the whole file; `source` opens every message. corrupt: what is wrong and where;
// unsupported: another version or byte order, a type that is not in use.
GgufHeader parse_gguf_header(std::span<const std::byte> bytes, std::string_view source);

}  // namespace tarn
