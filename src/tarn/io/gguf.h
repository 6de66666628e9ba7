// GGUF files, versions 2 and 3: metadata and tensors, memory-mapped. Nothing is copied but small
// metadata; a file may be split into several.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "tarn/base/file.h"
#include "tarn/quant/ggml_type.h"

namespace tarn {

// Of metadata, by the numbers in the file.
enum class GgufValueType : uint32_t {
  u8 = 0,
  i8 = 1,
  u16 = 2,
  i16 = 3,
  u32 = 4,
  i32 = 5,
  f32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  u64 = 10,
  i64 = 11,
  f64 = 12,
};

// An array of one type: integers of every width as int64 or, for u64, uint64; f32 and f64 as
// double; strings as views of the mapped file. Arrays of arrays are refused.
struct GgufArray {
  GgufValueType type = GgufValueType::u8;  // as the file has it
  std::variant<std::vector<int64_t>, std::vector<uint64_t>, std::vector<double>, std::vector<bool>,
               std::vector<std::string_view>>
      values;

  size_t size() const;
};

struct GgufValue {
  GgufValueType type = GgufValueType::u8;  // as the file has it
  std::variant<int64_t, uint64_t, double, bool, std::string_view, GgufArray> value;
};

struct GgufTensor {
  std::string name;
  quant::GgmlType type = quant::GgmlType::f32;
  std::vector<int64_t> shape;  // row-major: the reverse of the file's order
  std::span<const std::byte> bytes;
  std::shared_ptr<const MappedFile> owner;
};

// Opening checks the whole header: every length, count, offset and name. A file that opens can be
// read without further checks. Content must not be truncated by others while it is mapped.
class GgufFile {
 public:
  // `path` is a file; of a split one any part, whose sisters lie in the same folder.
  // not_found; io; corrupt: what is wrong, with its name and place in the file; unsupported:
  // another version, the other byte order, a tensor type that is not in use.
  static GgufFile open(const std::filesystem::path& path);

  GgufFile(GgufFile&&) = default;  // moved, never copied: the indices view the names
  GgufFile& operator=(GgufFile&&) = default;

  const std::filesystem::path& path() const { return path_; }
  uint32_t version() const { return version_; }
  uint64_t alignment() const { return alignment_; }
  size_t parts() const { return files_.size(); }
  uint64_t total_bytes() const;  // of the tensors

  // In the file's order; of a split file the first part's.
  const std::vector<std::pair<std::string, GgufValue>>& metadata() const { return metadata_; }
  const GgufValue* find(std::string_view key) const;  // null if there is none
  // The value as asked for; nothing when the key is missing. corrupt when it is of another kind or,
  // for integers, out of range: the message names the key. An integer of any width serves as int64
  // or double.
  std::optional<int64_t> get_int(std::string_view key) const;
  std::optional<double> get_float(std::string_view key) const;
  std::optional<bool> get_bool(std::string_view key) const;
  std::optional<std::string_view> get_string(std::string_view key) const;
  // Null when the key is missing; corrupt when it is no array.
  const GgufArray* get_array(std::string_view key) const;
  // "general.architecture": corrupt when it is missing.
  std::string_view architecture() const;

  const std::vector<GgufTensor>& tensors() const { return tensors_; }  // part by part, by offset
  const GgufTensor* find_tensor(std::string_view name) const;          // null if there is none

 private:
  GgufFile() = default;
  [[noreturn]] void wrong_kind(std::string_view key, const char* wanted) const;
  std::filesystem::path path_;
  std::vector<std::shared_ptr<const MappedFile>> files_;
  uint32_t version_ = 0;
  uint64_t alignment_ = 0;
  std::vector<std::pair<std::string, GgufValue>> metadata_;
  std::unordered_map<std::string_view, size_t> keys_;  // view metadata_[i].first
  std::vector<GgufTensor> tensors_;
  std::unordered_map<std::string_view, size_t> index_;  // view tensors_[i].name
};

// Whether the file begins with GGUF's magic; false when it cannot be read.
bool is_gguf(const std::filesystem::path& path);

}  // namespace tarn
