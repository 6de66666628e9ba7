#include "tarn/compress/tensor_values.h"

#include <cmath>
#include <cstring>

#include "tarn/base/error.h"
#include "tarn/base/half.h"
#include "tarn/io/quote.h"

namespace tarn::compress {
namespace {

constexpr std::string_view weight = ".weight";

std::optional<quant::Format> format_of(const Checkpoint& checkpoint, const ModelConfig& config,
                                       const std::string& name) {
  if (!config.quantization || !name.ends_with(weight)) return std::nullopt;
  const std::string module = name.substr(0, name.size() - weight.size());
  if (!has_quantized_weights(checkpoint, module)) return std::nullopt;
  return config.quantization->of(module);
}

template <typename T>
void widen(const std::byte* from, size_t count, float* out) {
  for (size_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, from + i * sizeof(T), sizeof(T));
    out[i] = to_float(value);
  }
}

}  // namespace

TensorValues::TensorValues(const Checkpoint& checkpoint, const ModelConfig& config,
                           const TensorInfo& info)
    : info_(info), shape_(info.shape) {
  if (const auto format = format_of(checkpoint, config, info.name)) {
    matrix_ =
        stored_matrix(checkpoint, info.name.substr(0, info.name.size() - weight.size()), *format);
    shape_ = {matrix_->rows, matrix_->columns};
    return;
  }
  switch (info.type) {
    case StorageType::f32:
    case StorageType::f16:
    case StorageType::bf16:
    case StorageType::f8_e4m3:
      return;
    default:
      fail(ErrorCode::unsupported, "tensor {}: its type {} is not one of weights", quote(info.name),
           storage_type_name(info.type));
  }
}

int64_t TensorValues::row_values() const {
  int64_t count = 1;
  for (size_t i = 1; i < shape_.size(); ++i) count *= shape_[i];
  return count;
}

std::optional<StorageType> TensorValues::dense_type() const {
  return matrix_ ? std::nullopt : std::optional(info_.type);
}

std::vector<float> TensorValues::read(int64_t first, int64_t last) const {
  if (matrix_) {
    const array values = decode(coded_rows(*matrix_, first, last));
    eval({values});
    return values.to_vector<float>();
  }
  const auto each = static_cast<size_t>(row_values());
  const size_t value_bytes = storage_type_bits(info_.type) / 8;
  std::vector<float> values(static_cast<size_t>(last - first) * each);
  for (int64_t row = first; row < last; ++row) {
    const auto at = static_cast<size_t>(row);
    const size_t stored = info_.row_order ? (*info_.row_order)[at] : at;
    const std::byte* from = info_.bytes.data() + stored * each * value_bytes;
    float* out = values.data() + static_cast<size_t>(row - first) * each;
    if (info_.type == StorageType::f32) widen<float>(from, each, out);
    if (info_.type == StorageType::f16) widen<float16>(from, each, out);
    if (info_.type == StorageType::bf16) widen<bfloat16>(from, each, out);
    if (info_.type == StorageType::f8_e4m3) widen<float8_e4m3>(from, each, out);
  }
  if (info_.log_of_negative) {
    for (float& value : values) value = std::log(-value);
  }
  return values;
}

bool is_side_part(const Checkpoint& checkpoint, const ModelConfig& config, const TensorInfo& info) {
  const size_t dot = info.name.rfind('.');
  if (dot == std::string::npos || info.name.ends_with(weight)) return false;
  const std::string owner = info.name.substr(0, dot) + std::string(weight);
  const auto format = format_of(checkpoint, config, owner);
  if (!format) return false;
  const StoredMatrix matrix = stored_matrix(checkpoint, info.name.substr(0, dot), *format);
  for (const TensorInfo& part : matrix.parts) {
    if (part.name == info.name) return true;
  }
  return false;
}

}  // namespace tarn::compress
