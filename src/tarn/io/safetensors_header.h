// The header of a safetensors file: 8 bytes of length (little endian), then that many bytes of JSON
// {"name": {"dtype", "shape", "data_offsets": [begin, end]}, ..., "__metadata__": {text: text}},
// then the data. Format: https://huggingface.co/docs/safetensors/index#format
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tarn/io/storage_type.h"

namespace tarn {

inline constexpr uint64_t kMaxSafetensorsHeader = 100'000'000;  // bytes; the reference's limit
inline constexpr size_t kMaxTensorRank = 16;

struct SafetensorsEntry {
  std::string name;
  StorageType type = StorageType::u8;
  std::vector<int64_t> shape;  // each >= 0; elements and bytes fit int64 even with zeros left out
  uint64_t begin = 0;          // byte offsets within the data section
  uint64_t end = 0;
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // in the order of their data
  std::map<std::string, std::string> metadata;
  uint64_t data_start = 0;  // offset in the file
};

// Reads the header of a file given as all its bytes. On return every entry lies within the file,
// its size agrees with its type and shape, and the entries fill the data section without overlap or
// gap. Anything else is ErrorCode::corrupt; `source` (a path) opens the message.
SafetensorsHeader parse_safetensors_header(std::span<const std::byte> file,
                                           std::string_view source);

// Bytes of a tensor of this type and shape; false if a dimension is negative, the count overflows
// or the elements do not fill whole bytes. Zero dimensions count as 1 in the overflow check, so
// that a later reader's strides cannot overflow either.
bool tensor_byte_size(StorageType type, std::span<const int64_t> shape, uint64_t& bytes);

// "[2, 3]"
std::string shape_text(std::span<const int64_t> shape);

}  // namespace tarn
