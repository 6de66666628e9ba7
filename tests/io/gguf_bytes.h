// Builds GGUF files byte by byte, right or wrong.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace tarn::testing {

class GgufBytes {
 public:
  template <typename T>
  GgufBytes& put(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
    return *this;
  }
  GgufBytes& u32(uint32_t value) { return put(value); }
  GgufBytes& u64(uint64_t value) { return put(value); }
  GgufBytes& text(std::string_view value) {
    u64(value.size());
    bytes_ += value;
    return *this;
  }
  GgufBytes& raw(std::string_view value) {
    bytes_ += value;
    return *this;
  }
  GgufBytes& start(uint64_t tensors, uint64_t keys, uint32_t version = 3) {
    return raw("GGUF").u32(version).u64(tensors).u64(keys);
  }
  // A key with an unsigned 32-bit number.
  GgufBytes& number(std::string_view key, uint32_t value) { return text(key).u32(4).u32(value); }
  GgufBytes& tensor(std::string_view name, std::initializer_list<uint64_t> extents, uint32_t type,
                    uint64_t offset) {
    text(name).u32(static_cast<uint32_t>(extents.size()));
    for (const uint64_t extent : extents) u64(extent);
    return u32(type).u64(offset);
  }
  GgufBytes& data(size_t count, size_t alignment = 32) {
    bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment);
    bytes_.resize(bytes_.size() + count);
    return *this;
  }
  std::span<const std::byte> span() const { return std::as_bytes(std::span(bytes_)); }
  const std::string& string() const { return bytes_; }

 private:
  std::string bytes_;
};

}  // namespace tarn::testing
