#include "tarn/io/safetensors_writer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "tarn/base/error.h"
#include "tarn/base/file.h"
#include "tarn/base/json.h"
#include "tarn/io/quote.h"
#include "tarn/io/safetensors_header.h"

namespace tarn {
namespace {

uint64_t checked_bytes(const TensorSpec& spec) {
  uint64_t bytes = 0;
  if (spec.name.empty() || spec.name == "__metadata__") {
    fail(ErrorCode::invalid_argument, "safetensors: {} cannot name a tensor: choose another name",
         quote(spec.name));
  }
  if (spec.shape.size() > kMaxTensorRank || !tensor_byte_size(spec.type, spec.shape, bytes)) {
    fail(ErrorCode::invalid_argument,
         "safetensors: tensor {}: shape {} of {} cannot be stored: at most {} dimensions, none "
         "negative, whole bytes in all",
         quote(spec.name), shape_text(spec.shape), storage_type_name(spec.type), kMaxTensorRank);
  }
  if (spec.alignment != 0 && bytes % spec.alignment != 0) {
    fail(ErrorCode::invalid_argument,
         "safetensors: tensor {}: {} bytes do not fill an alignment of {}: pad it",
         quote(spec.name), bytes, spec.alignment);
  }
  return bytes;
}

uint64_t alignment_of(const TensorSpec& spec) {
  return spec.alignment != 0 ? spec.alignment : storage_type_alignment(spec.type);
}

template <typename Json>
std::string dump(const Json& value, int indent = -1) {
  try {
    return value.dump(indent);
  } catch (const nlohmann::json::exception&) {
    fail(ErrorCode::invalid_argument,
         "safetensors: a tensor name or metadata text is not valid UTF-8: rename it");
  }
}

}  // namespace

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path,
                                     std::vector<TensorSpec> tensors,
                                     const SafetensorsMetadata& metadata) {
  std::stable_sort(tensors.begin(), tensors.end(),
                   [](const auto& a, const auto& b) { return alignment_of(a) > alignment_of(b); });
  const uint64_t alignment = tensors.empty() ? 8 : std::max<uint64_t>(8, alignment_of(tensors[0]));
  ordered_json header = ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  uint64_t offset = 0;
  for (const TensorSpec& spec : tensors) {
    const uint64_t bytes = checked_bytes(spec);
    if (!parts_.try_emplace(spec.name, Part{offset, offset + bytes}).second) {
      fail(ErrorCode::invalid_argument, "{}: tensor {} is declared twice: give it one place",
           path.string(), quote(spec.name));
    }
    // Built apart and moved in: nlohmann's ordered objects search linearly on operator[].
    ordered_json entry = {{"dtype", storage_type_name(spec.type)},
                          {"shape", spec.shape},
                          {"data_offsets", {offset, offset + bytes}}};
    header.get_ref<ordered_json::object_t&>().push_back({spec.name, std::move(entry)});
    offset += bytes;
  }
  std::string text = dump(header);
  constexpr size_t prefix = sizeof(uint64_t);  // the header's length
  text.resize((prefix + text.size() + alignment - 1) / alignment * alignment - prefix, ' ');
  if (text.size() > kMaxSafetensorsHeader) {
    fail(ErrorCode::invalid_argument,
         "{}: {} tensors make a header of {} bytes, beyond the format's limit of {}: write smaller "
         "shards",
         path.string(), tensors.size(), text.size(), kMaxSafetensorsHeader);
  }
  const uint64_t length = text.size();
  header_.resize(sizeof(length));
  std::memcpy(header_.data(), &length, sizeof(length));
  header_ += text;
  for (auto& [name, part] : parts_) {
    part.next += header_.size();
    part.end += header_.size();
  }
  file_bytes_ = header_.size() + offset;
  file_ = std::make_unique<AtomicFile>(path, file_bytes_);
  file_->write_at(0, std::as_bytes(std::span(header_)));
}

void SafetensorsWriter::append(std::string_view name, std::span<const std::byte> bytes) {
  const auto part = parts_.find(std::string(name));
  if (part == parts_.end()) {
    fail(ErrorCode::invalid_argument, "{}: tensor {} was not declared: declare it before writing",
         file_->path().string(), quote(name));
  }
  if (bytes.size() > part->second.end - part->second.next) {
    fail(ErrorCode::invalid_argument,
         "{}: tensor {} has room for {} more bytes, {} were given: check its declared shape",
         file_->path().string(), quote(name), part->second.end - part->second.next, bytes.size());
  }
  file_->write_at(part->second.next, bytes);
  part->second.next += bytes.size();
}

void SafetensorsWriter::close() {
  for (const auto& [name, part] : parts_) {
    if (part.next != part.end) {
      fail(ErrorCode::invalid_argument,
           "{}: tensor {} lacks {} bytes: append them before finishing", file_->path().string(),
           quote(name), part.end - part.next);
    }
  }
  file_->close();
}

void SafetensorsWriter::finish() {
  close();
  file_->commit();
}

namespace {

namespace fs = std::filesystem;

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    fail(ErrorCode::io, "{}: cannot create the folder: {}: choose another", folder.string(),
         error.message());
  }
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".safetensors") || name.ends_with(".safetensors.index.json")) {
      fail(ErrorCode::invalid_argument,
           "{}: the folder already holds weights ({}): remove them or choose another folder",
           folder.string(), quote(name));
    }
  }
}

// Fills shards in the declared order; a tensor larger than the limit gets a shard of its own.
std::vector<std::vector<TensorSpec>> split(const std::vector<TensorSpec>& tensors, uint64_t limit,
                                           uint64_t& total) {
  std::vector<std::vector<TensorSpec>> shards(1);
  uint64_t filled = 0;
  for (const TensorSpec& spec : tensors) {
    const uint64_t bytes = checked_bytes(spec);
    if (!shards.back().empty() && (bytes > limit || filled > limit - bytes)) {
      shards.emplace_back();
      filled = 0;
    }
    shards.back().push_back(spec);
    filled += bytes;
    total += bytes;
  }
  return shards;
}

}  // namespace

CheckpointWriter::CheckpointWriter(const fs::path& folder, const std::vector<TensorSpec>& tensors,
                                   const SafetensorsMetadata& metadata, uint64_t max_shard_bytes)
    : folder_(folder) {
  uint64_t total = 0;
  const auto plan = split(tensors, max_shard_bytes, total);
  make_folder(folder);
  require_free_space(folder, total);
  json weight_map = json::object();
  for (size_t i = 0; i < plan.size(); ++i) {
    const std::string name =
        plan.size() == 1 ? std::string("model.safetensors")
                         : fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, plan.size());
    for (const TensorSpec& spec : plan[i]) {
      if (!shard_of_.try_emplace(spec.name, i).second) {
        fail(ErrorCode::invalid_argument, "{}: tensor {} is declared twice: give it one place",
             folder.string(), quote(spec.name));
      }
      weight_map[spec.name] = name;
    }
    shards_.push_back(std::make_unique<SafetensorsWriter>(folder / name, plan[i], metadata));
  }
  if (plan.size() > 1) {
    index_ = dump(json{{"metadata", {{"total_size", total}}}, {"weight_map", weight_map}}, 2);
    index_ += '\n';
  }
}

void CheckpointWriter::append(std::string_view name, std::span<const std::byte> bytes) {
  const auto shard = shard_of_.find(std::string(name));
  if (shard == shard_of_.end()) {
    fail(ErrorCode::invalid_argument, "{}: tensor {} was not declared: declare it before writing",
         folder_.string(), quote(name));
  }
  shards_[shard->second]->append(name, bytes);
}

void CheckpointWriter::finish() {
  for (const auto& shard : shards_) shard->close();  // what can fail fails before any file appears
  for (const auto& shard : shards_) shard->finish();
  if (!index_.empty()) write_file(folder_ / "model.safetensors.index.json", index_);
}

}  // namespace tarn
