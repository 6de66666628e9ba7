// The weights of a model folder in Hugging Face layout, whether one file or many.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tarn/io/safetensors.h"

namespace tarn {

class Checkpoint {
 public:
  // `path` is a .safetensors file or a folder with model.safetensors or, failing that,
  // model.safetensors.index.json and the shards it names (plain file names in the same folder).
  //
  // not_found: nothing to open, or a shard is missing. corrupt: a broken file or index; a tensor
  // the index lists is not in its shard; a tensor is in two shards. A tensor that is in a shard but
  // not in the index is kept, as other loaders do, with a warning.
  static Checkpoint open(const std::filesystem::path& path);

  // Tensors of a file in another format.
  static Checkpoint of_tensors(std::filesystem::path path, std::vector<TensorInfo> tensors);

  Checkpoint(Checkpoint&&) = default;  // moved, never copied: the index points into the files
  Checkpoint& operator=(Checkpoint&&) = default;

  const std::filesystem::path& path() const { return path_; }
  const std::vector<SafetensorsFile>& files() const { return files_; }  // none of of_tensors()
  // File by file in the order of their data: the order that reads the disk sequentially.
  const std::vector<const TensorInfo*>& tensors() const { return tensors_; }
  std::vector<std::string_view> names() const;  // sorted
  // "__metadata__" of all files; of a key in several files, the first file's value.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const std::vector<std::string>& warnings() const { return warnings_; }
  uint64_t total_bytes() const;

  const TensorInfo* find(std::string_view name) const;  // null if there is none
  // For use: not_found if there is none, unsupported if Tarn cannot compute with its type.
  const TensorInfo& tensor(std::string_view name) const;

 private:
  Checkpoint() = default;
  void add_file(const std::filesystem::path& path);
  void open_sharded(const std::filesystem::path& index_path);

  std::filesystem::path path_;
  std::vector<SafetensorsFile> files_;
  std::vector<TensorInfo> own_;  // of_tensors
  std::vector<const TensorInfo*> tensors_;
  struct Place {
    size_t file;
    const TensorInfo* info;
  };
  std::unordered_map<std::string_view, Place> index_;  // keys view the tensors' names
  std::map<std::string, std::string> metadata_;
  std::vector<std::string> warnings_;
};

}  // namespace tarn
