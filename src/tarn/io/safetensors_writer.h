// Writing safetensors files: declare every tensor, then hand over its bytes as they come.
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

#include "tarn/io/atomic_file.h"
#include "tarn/io/storage_type.h"

namespace tarn {

struct TensorSpec {
  std::string name;
  StorageType type = StorageType::f32;
  std::vector<int64_t> shape;
  // Where its data may begin in the file: a power of two; 0: what its type needs. Its size must be
  // a multiple of it, since the format allows no gaps.
  uint64_t alignment = 0;
};

using SafetensorsMetadata = std::map<std::string, std::string>;

// What transformers asks of a file before it loads it.
inline const SafetensorsMetadata kDefaultMetadata = {{"format", "pt"}};

// One file. Tensors are laid out by falling alignment and otherwise as declared, and the header is
// padded to the largest one (at least 8 bytes), so that every tensor is aligned. The file appears
// under its name only in `finish`; a writer that is destroyed before leaves nothing behind.
class SafetensorsWriter {
 public:
  // invalid_argument: an empty or repeated name, a shape without a valid size, or one that does not
  // fill its alignment. io: see AtomicFile.
  SafetensorsWriter(const std::filesystem::path& path, std::vector<TensorSpec> tensors,
                    const SafetensorsMetadata& metadata = kDefaultMetadata);

  // The next bytes of a tensor; tensors may come in any order and interleaved. invalid_argument: no
  // such tensor, or more bytes than it has.
  void append(std::string_view name, std::span<const std::byte> bytes);

  // invalid_argument if a tensor lacks bytes. `close` makes the content durable, `finish` also
  // gives the file its name.
  void close();
  void finish();

  uint64_t file_bytes() const { return file_bytes_; }

 private:
  struct Part {
    uint64_t next;  // offsets in the file
    uint64_t end;
  };
  std::string header_;
  uint64_t file_bytes_ = 0;
  std::unordered_map<std::string, Part> parts_;
  std::unique_ptr<AtomicFile> file_;
};

// A model folder's weights: one model.safetensors, or model-00001-of-0000N.safetensors with
// model.safetensors.index.json once they exceed `max_shard_bytes`. Files get their names only in
// `finish`, the index last.
class CheckpointWriter {
 public:
  // The folder is created. invalid_argument if it already holds weights, since a reader could mix
  // the two; otherwise as SafetensorsWriter.
  CheckpointWriter(const std::filesystem::path& folder, const std::vector<TensorSpec>& tensors,
                   const SafetensorsMetadata& metadata = kDefaultMetadata,
                   uint64_t max_shard_bytes = uint64_t{5} << 30);

  void append(std::string_view name, std::span<const std::byte> bytes);  // as SafetensorsWriter
  void finish();

  size_t shard_count() const { return shards_.size(); }

 private:
  std::filesystem::path folder_;
  std::string index_;  // JSON; empty with one file
  std::vector<std::unique_ptr<SafetensorsWriter>> shards_;
  std::unordered_map<std::string, size_t> shard_of_;
};

}  // namespace tarn
