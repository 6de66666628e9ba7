// The element types a tensor may have in a checkpoint file, under the names safetensors gives them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tarn {

enum class StorageType : uint8_t {
  f64,
  f32,
  f16,
  bf16,
  i64,
  i32,
  i16,
  i8,
  u64,
  u32,
  u16,
  u8,
  boolean,  // one byte; a reader must not assume that it is 0 or 1
  c64,      // two f32: real, imaginary
  f8_e4m3,
  // Known to the format, so that a file holding them opens; Tarn has no arithmetic for them.
  f8_e5m2,
  f8_e8m0,
  f6_e2m3,
  f6_e3m2,
  f4,
};

// "F32", "BF16", "BOOL", ...
std::string_view storage_type_name(StorageType type);
std::optional<StorageType> storage_type_from_name(std::string_view name);

// Bits of one element: 4 to 64.
uint32_t storage_type_bits(StorageType type);

// The alignment in bytes that a typed view of such elements needs.
size_t storage_type_alignment(StorageType type);

// Whether Tarn can compute with elements of this type.
bool storage_type_supported(StorageType type);

}  // namespace tarn
