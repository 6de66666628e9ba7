#include "tarn/io/safetensors.h"

#include <utility>

#include "tarn/base/error.h"
#include "tarn/io/quote.h"
#include "tarn/io/safetensors_header.h"

namespace tarn {

uint64_t TensorInfo::element_count() const {
  return static_cast<uint64_t>(bytes.size()) * 8 / storage_type_bits(type);
}

bool TensorInfo::aligned() const {
  return reinterpret_cast<uintptr_t>(bytes.data()) % storage_type_alignment(type) == 0;
}

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  SafetensorsFile result;
  result.file_ = MappedFile::open(path);
  const auto content = result.file_->bytes();
  SafetensorsHeader header = parse_safetensors_header(content, path.string());
  result.metadata_ = std::move(header.metadata);
  result.tensors_.reserve(header.entries.size());
  for (SafetensorsEntry& entry : header.entries) {
    result.tensors_.push_back(
        {.name = std::move(entry.name),
         .type = entry.type,
         .shape = std::move(entry.shape),
         .bytes = content.subspan(header.data_start + entry.begin, entry.end - entry.begin),
         .owner = result.file_});
  }
  result.index_.reserve(result.tensors_.size());
  for (size_t i = 0; i < result.tensors_.size(); ++i) result.index_[result.tensors_[i].name] = i;
  return result;
}

const TensorInfo* SafetensorsFile::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

const TensorInfo& SafetensorsFile::tensor(std::string_view name) const {
  const TensorInfo* const info = find(name);
  if (info == nullptr) {
    fail(ErrorCode::not_found, "{}: no tensor {}: `tarn info --tensors` lists what is there",
         path().string(), quote(name));
  }
  if (!storage_type_supported(info->type)) {
    fail(ErrorCode::unsupported,
         "{}: tensor {} has type {}, which Tarn cannot compute with: convert it to BF16 or F32",
         path().string(), quote(name), storage_type_name(info->type));
  }
  return *info;
}

}  // namespace tarn
