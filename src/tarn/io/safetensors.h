// Tensors in safetensors files: memory-mapped, nothing is copied.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tarn/base/file.h"
#include "tarn/io/storage_type.h"

namespace tarn {

// A tensor of a file: row-major, little endian. `owner` keeps `bytes` mapped.
struct TensorInfo {
  std::string name;
  StorageType type = StorageType::u8;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
  std::shared_ptr<const MappedFile> owner;
  // What files of another layout ask for. Row i of the tensor is the file's row (*row_order)[i];
  // null: as they stand.
  std::shared_ptr<const std::vector<uint32_t>> row_order = {};
  // The file has x, the tensor is ln(-x).
  bool log_of_negative = false;

  uint64_t element_count() const;
  // Whether `bytes` may be read in place as elements of `type`. The format permits any offset: a
  // loader must copy an unaligned tensor.
  bool aligned() const;
};

// One file. Opening checks the whole header (safetensors_header.h); a file that opens can be read
// without further checks. Content must not be truncated by others while it is mapped.
class SafetensorsFile {
 public:
  // Errors: not_found, io, corrupt.
  static SafetensorsFile open(const std::filesystem::path& path);

  SafetensorsFile(SafetensorsFile&&) = default;  // moved, never copied: the index views the names
  SafetensorsFile& operator=(SafetensorsFile&&) = default;

  const std::filesystem::path& path() const { return file_->path(); }
  const std::vector<TensorInfo>& tensors() const { return tensors_; }  // in the order of their data
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  const TensorInfo* find(std::string_view name) const;  // null if there is none
  // As `find`, for use: not_found if there is none, unsupported if Tarn cannot compute with its
  // type.
  const TensorInfo& tensor(std::string_view name) const;

 private:
  SafetensorsFile() = default;
  std::shared_ptr<const MappedFile> file_;
  std::vector<TensorInfo> tensors_;
  std::unordered_map<std::string_view, size_t> index_;  // keys view tensors_[i].name
  std::map<std::string, std::string> metadata_;
};

}  // namespace tarn
