#include "tarn/io/checkpoint.h"

#include <algorithm>
#include <utility>

#include "tarn/base/error.h"
#include "tarn/base/json.h"
#include "tarn/io/quote.h"

namespace tarn {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSingle = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";
constexpr uint64_t kMaxIndex = uint64_t{256} << 20;
constexpr std::string_view kRemedy = "download or convert the model again";

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// A shard's name comes from a file that may be hostile: it must not lead out of the folder.
void check_shard_name(const std::string& name, const fs::path& index_path) {
  const bool plain =
      !name.empty() && name.find_first_of(std::string_view("/\\:\0", 4)) == std::string::npos;
  if (!plain || !name.ends_with(".safetensors")) {
    fail(ErrorCode::corrupt,
         "{}: shard name {} is not a plain .safetensors file name in the same folder: {}",
         index_path.string(), quote(name), kRemedy);
  }
}

using TensorShards = std::map<std::string, std::string>;  // tensor name -> shard name

TensorShards read_index(const fs::path& index_path) {
  const json index = parse_json(read_file(index_path, kMaxIndex), index_path.string());
  const auto map = index.is_object() ? index.find("weight_map") : index.end();
  if (!index.is_object() || map == index.end() || !map->is_object()) {
    fail(ErrorCode::corrupt, "{}: no \"weight_map\" object: {}", index_path.string(), kRemedy);
  }
  TensorShards result;
  for (const auto& [name, shard] : map->items()) {
    if (!shard.is_string()) {
      fail(ErrorCode::corrupt, "{}: weight_map of tensor {} is not a file name: {}",
           index_path.string(), quote(name), kRemedy);
    }
    check_shard_name(shard.get_ref<const std::string&>(), index_path);
    result.emplace(name, shard.get<std::string>());
  }
  return result;
}

}  // namespace

Checkpoint Checkpoint::open(const fs::path& path) {
  Checkpoint result;
  result.path_ = path;
  std::error_code ignored;
  if (fs::is_regular_file(path, ignored)) {
    result.add_file(path);
  } else if (is_there(path / kSingle)) {
    result.add_file(path / kSingle);
  } else if (is_there(path / kIndex)) {
    result.open_sharded(path / kIndex);
  } else if (!is_there(path)) {
    fail(ErrorCode::not_found, "{}: no such file or folder: check the name", path.string());
  } else {
    fail(ErrorCode::not_found,
         "{}: neither {} nor {} there: name a model folder in Hugging Face layout or a "
         ".safetensors file",
         path.string(), kSingle, kIndex);
  }
  return result;
}

Checkpoint Checkpoint::of_tensors(fs::path path, std::vector<TensorInfo> tensors) {
  Checkpoint result;
  result.path_ = std::move(path);
  result.own_ = std::move(tensors);
  for (const TensorInfo& info : result.own_) {
    if (!result.index_.try_emplace(info.name, Place{0, &info}).second) {
      fail(ErrorCode::corrupt, "{}: two tensors stand for {}: {}", result.path_.string(),
           quote(info.name), kRemedy);
    }
    result.tensors_.push_back(&info);
  }
  return result;
}

// Addresses of TensorInfo stay valid when files_ grows or moves: a vector's move keeps its
// elements.
void Checkpoint::add_file(const fs::path& path) {
  files_.push_back(SafetensorsFile::open(path));
  const SafetensorsFile& file = files_.back();
  for (const TensorInfo& info : file.tensors()) {
    const auto [place, added] = index_.try_emplace(info.name, Place{files_.size() - 1, &info});
    if (!added) {
      fail(ErrorCode::corrupt, "{}: tensor {} is also in {}: {}", path.string(), quote(info.name),
           files_[place->second.file].path().string(), kRemedy);
    }
    tensors_.push_back(&info);
  }
  metadata_.insert(file.metadata().begin(), file.metadata().end());
}

void Checkpoint::open_sharded(const fs::path& index_path) {
  const TensorShards listed = read_index(index_path);
  std::map<std::string, size_t> shards;  // name -> place in files_; sorted, as the names count up
  for (const auto& [name, shard] : listed) shards.emplace(shard, 0);
  const fs::path folder = index_path.parent_path();
  for (auto& [shard, place] : shards) {
    if (!is_there(folder / shard)) {
      fail(ErrorCode::not_found, "{}: the index lists this shard, but it is missing: {}",
           (folder / shard).string(), kRemedy);
    }
    place = files_.size();
    add_file(folder / shard);
  }
  for (const auto& [name, shard] : listed) {
    const auto found = index_.find(name);
    if (found == index_.end() || found->second.file != shards.at(shard)) {
      fail(ErrorCode::corrupt, "{}: tensor {} is not in the shard {} that the index names: {}",
           index_path.string(), quote(name), quote(shard), kRemedy);
    }
  }
  const auto is_listed = [&](const TensorInfo* info) { return listed.contains(info->name); };
  const auto unlisted = std::find_if_not(tensors_.begin(), tensors_.end(), is_listed);
  if (unlisted != tensors_.end()) {
    warnings_.push_back(fmt::format(
        "{}: {} tensors of the shards are not in the index (the first is {}); they are used anyway",
        index_path.string(), tensors_.size() - listed.size(), quote((*unlisted)->name)));
  }
}

std::vector<std::string_view> Checkpoint::names() const {
  std::vector<std::string_view> result;
  result.reserve(tensors_.size());
  for (const TensorInfo* info : tensors_) result.push_back(info->name);
  std::sort(result.begin(), result.end());
  return result;
}

uint64_t Checkpoint::total_bytes() const {
  uint64_t total = 0;
  for (const TensorInfo* info : tensors_) total += info->bytes.size();
  return total;
}

const TensorInfo* Checkpoint::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : found->second.info;
}

const TensorInfo& Checkpoint::tensor(std::string_view name) const {
  const auto found = index_.find(name);
  if (found != index_.end()) {
    return files_.empty() ? *found->second.info : files_[found->second.file].tensor(name);
  }
  fail(ErrorCode::not_found, "{}: no tensor {}: `tarn info --tensors` lists what is there",
       path_.string(), quote(name));
}

}  // namespace tarn
