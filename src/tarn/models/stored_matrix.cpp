#include "tarn/models/stored_matrix.h"

#include <cstring>
#include <limits>

#include "tarn/base/error.h"
#include "tarn/io/quote.h"
#include "tarn/io/safetensors_header.h"
#include "tarn/memory/pool.h"
#include "tarn/models/published_quantization.h"
#include "tarn/quant/codec_ggml.h"

namespace tarn {
namespace {

constexpr const char* remedy = "download or convert the model again";

const TensorInfo& require(const Checkpoint& checkpoint, const std::string& name) {
  const TensorInfo* info = checkpoint.find(name);
  if (info == nullptr) {
    fail(ErrorCode::corrupt, "{}: tensor {} is missing, a part of a quantized matrix: {}",
         checkpoint.path().string(), quote(name), remedy);
  }
  return checkpoint.tensor(name);
}

// Of the formats that leave it open, scales have one of these.
quant::ScaleType scale_type(const Checkpoint& checkpoint, const std::string& module) {
  const TensorInfo* scales = checkpoint.find(module + ".scales");
  if (scales == nullptr) return quant::ScaleType::f32;
  if (scales->type == StorageType::f16) return quant::ScaleType::f16;
  return scales->type == StorageType::bf16 ? quant::ScaleType::bf16 : quant::ScaleType::f32;
}

// Writers of fp8 checkpoints give the scales of rows and matrices one extent or two.
std::vector<int64_t> without_ones(std::vector<int64_t> shape) {
  std::erase(shape, 1);
  return shape;
}

std::vector<int64_t> shape_of(const quant::Part& part) {
  std::vector<int64_t> shape{static_cast<int64_t>(part.rows)};
  if (part.columns != 0) shape.push_back(static_cast<int64_t>(part.columns));
  return shape;
}

// Bytes of a part that rows [first, last) of the matrix have.
std::span<const std::byte> part_rows(const quant::Part& part, const TensorInfo& info, int64_t first,
                                     int64_t last) {
  const size_t begin = static_cast<size_t>(first) / part.each;
  const size_t end = (static_cast<size_t>(last) + part.each - 1) / part.each;
  return info.bytes.subspan(begin * part.row_bytes(), (end - begin) * part.row_bytes());
}

}  // namespace

StorageType storage_type(quant::PartType type) {
  switch (type) {
    case quant::PartType::u8:
      return StorageType::u8;
    case quant::PartType::i8:
      return StorageType::i8;
    case quant::PartType::f8_e4m3:
      return StorageType::f8_e4m3;
    case quant::PartType::u32:
      return StorageType::u32;
    case quant::PartType::f16:
      return StorageType::f16;
    case quant::PartType::bf16:
      return StorageType::bf16;
    default:
      return StorageType::f32;
  }
}

bool has_quantized_weights(const Checkpoint& checkpoint, const std::string& module) {
  const TensorInfo* weight = checkpoint.find(module + ".weight");
  if (weight == nullptr) return false;
  if (weight->type == StorageType::u32 || weight->type == StorageType::u8) return true;
  if (weight->type != StorageType::f8_e4m3) return checkpoint.find(module + ".scales") != nullptr;
  return checkpoint.find(module + ".weight_scale_inv") != nullptr ||
         checkpoint.find(module + ".weight_scale") != nullptr;
}

StoredMatrix stored_matrix(const Checkpoint& checkpoint, const std::string& module,
                           const quant::Format& format) {
  auto codec = published_codec(checkpoint, module, format);
  if (!codec) codec = quant::make_codec(format, scale_type(checkpoint, module));
  StoredMatrix matrix{module, std::move(codec), 0, 0, {}};
  const TensorInfo& weight = require(checkpoint, module + ".weight");
  constexpr int64_t largest = std::numeric_limits<int32_t>::max();
  const bool flat = weight.shape.size() == 2 && weight.shape[0] > 0 && weight.shape[1] > 0 &&
                    weight.shape[0] <= largest && weight.shape[1] <= largest;
  if (flat) {
    matrix.rows = weight.shape[0];
    matrix.columns =
        static_cast<int64_t>(matrix.codec->columns_of(static_cast<size_t>(weight.shape[1])));
  }
  if (matrix.columns == 0) {
    fail(ErrorCode::corrupt, "{}: tensor {} of shape {} holds no matrix of format {}: {}",
         checkpoint.path().string(), quote(weight.name), shape_text(weight.shape),
         format_text(format), remedy);
  }
  const auto rows = static_cast<size_t>(matrix.rows);
  const auto columns = static_cast<size_t>(matrix.columns);
  try {
    matrix.codec->check(rows, columns);
  } catch (const Error& error) {
    fail(ErrorCode::corrupt, "{}: {}: {}", checkpoint.path().string(), quote(module), error.what());
  }
  for (const quant::Part& part : matrix.codec->parts(rows, columns)) {
    const TensorInfo& info = require(checkpoint, module + "." + std::string(part.name));
    const bool fits = format.mode == quant::FormatMode::fp8
                          ? without_ones(info.shape) == without_ones(shape_of(part))
                          : info.shape == shape_of(part);
    if (info.type != storage_type(part.type) || !fits) {
      fail(ErrorCode::corrupt,
           "{}: tensor {} is {} {}, a matrix of {} x {} in {} has {} {} there: {}",
           checkpoint.path().string(), quote(info.name), storage_type_name(info.type),
           shape_text(info.shape), matrix.rows, matrix.columns, format_text(format),
           storage_type_name(storage_type(part.type)), shape_text(shape_of(part)), remedy);
    }
    matrix.parts.push_back(info);
  }
  if (weight.row_order) matrix.codec = quant::make_ggml_codec(format.type, weight.row_order);
  return matrix;
}

CodedMatrix coded_rows(const StoredMatrix& matrix, int64_t first, int64_t last) {
  CodedMatrix coded{matrix.codec, last - first, matrix.columns, {}};
  const std::vector<quant::Part> parts =
      matrix.codec->parts(static_cast<size_t>(matrix.rows), static_cast<size_t>(matrix.columns));
  for (size_t i = 0; i < parts.size(); ++i) {
    const TensorInfo& info = matrix.parts[i];
    const auto bytes = part_rows(parts[i], info, first, last);
    const Shape shape = {static_cast<int64_t>(bytes.size())};
    const bool aligned =
        reinterpret_cast<uintptr_t>(bytes.data()) % part_type_bytes(parts[i].type) == 0;
    if (aligned) {
      coded.parts.emplace_back(memory::borrow(bytes.data(), bytes.size(), info.owner), shape,
                               Dtype::u8);
      continue;
    }
    auto buffer = memory::allocate(bytes.size());
    std::memcpy(buffer->data(), bytes.data(), bytes.size());
    coded.parts.emplace_back(std::move(buffer), shape, Dtype::u8);
  }
  return coded;
}

}  // namespace tarn
