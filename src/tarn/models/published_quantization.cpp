#include "tarn/models/published_quantization.h"

#include <array>
#include <cmath>
#include <cstring>

#include "tarn/base/error.h"
#include "tarn/io/quote.h"
#include "tarn/quant/codec_block_float.h"
#include "tarn/quant/codec_fp8.h"

namespace tarn {
namespace {

constexpr const char* fp8_scales[] = {"weight_scale_inv", "weight_scale"};
constexpr const char* nvfp4_scales = "weight_scale";
constexpr const char* nvfp4_tensor_scale = "weight_scale_2";

[[noreturn]] void fail_unreadable(const JsonFields& fields, std::string_view key,
                                  const std::string& value) {
  fields.fail_at(
      ErrorCode::unsupported, key, "is " + quote(value) + ", which Tarn cannot read",
      "take the unquantized model, or one in fp8 (quant_method fp8, compressed-tensors or "
      "modelopt), nvfp4 (modelopt), MLX's formats or GGUF");
}

quant::Format fp8_with_blocks(const JsonFields& fields) {
  quant::Format format = quant::float_format(quant::FormatMode::fp8);
  const auto blocks = fields.integers("weight_block_size", 1, 1 << 20, 2);
  if (blocks.empty()) return format;
  const bool readable = blocks.size() == 2 && blocks[0] == blocks[1] &&
                        (blocks[0] == 32 || blocks[0] == 64 || blocks[0] == 128);
  if (!readable) {
    fields.fail_at(ErrorCode::unsupported, "weight_block_size", "has blocks that Tarn cannot read",
                   "supported are square ones of 128, 64 or 32");
  }
  format.group_size = static_cast<int>(blocks[0]);
  return format;
}

quant::ScaleType scale_type_of(const Checkpoint& checkpoint, const TensorInfo& scales) {
  if (scales.type == StorageType::f32) return quant::ScaleType::f32;
  if (scales.type == StorageType::f16) return quant::ScaleType::f16;
  if (scales.type == StorageType::bf16) return quant::ScaleType::bf16;
  fail(ErrorCode::unsupported, "{}: tensor {} is {}: scales of 8-bit floats are F32, F16 or BF16",
       checkpoint.path().string(), quote(scales.name), storage_type_name(scales.type));
}

// Shapes without the extents of 1 that some writers add.
bool is_one(const std::vector<int64_t>& shape) {
  for (const int64_t extent : shape) {
    if (extent != 1) return false;
  }
  return true;
}

std::shared_ptr<const quant::Codec> fp8_codec(const Checkpoint& checkpoint,
                                              const TensorInfo& weight, const TensorInfo& scales,
                                              const char* scale_name, int64_t block) {
  const quant::ScaleType type = scale_type_of(checkpoint, scales);
  // The largest group that both the blocks and the rows consist of.
  int group = static_cast<int>(block);
  while (group >= 32 && weight.shape[1] % group != 0) group /= 2;
  if (group < 32) group = 0;
  const bool block_names = scale_name == fp8_scales[0];
  if (!block_names && is_one(scales.shape)) {
    return quant::make_fp8_codec({0, 0}, type, group, scale_name);
  }
  const bool by_row =
      scales.shape.size() == 1 || (scales.shape.size() == 2 && scales.shape[1] == 1);
  if (!block_names && by_row && scales.shape[0] == weight.shape[0]) {
    return quant::make_fp8_codec({1, 0}, type, group, scale_name);
  }
  const auto size = static_cast<size_t>(block);
  return quant::make_fp8_codec({size, size}, type, group, scale_name);
}

float tensor_scale(const Checkpoint& checkpoint, const TensorInfo& info) {
  float value = 0;
  if (info.type == StorageType::f32 && is_one(info.shape) && info.bytes.size() == sizeof(value)) {
    std::memcpy(&value, info.bytes.data(), sizeof(value));
  }
  if (!(value > 0) || !std::isfinite(value)) {
    fail(ErrorCode::corrupt,
         "{}: tensor {} is no positive F32: the scale of a matrix in nvfp4; download the model "
         "again",
         checkpoint.path().string(), quote(info.name));
  }
  return value;
}

}  // namespace

quant::Format parse_quant_method(const JsonFields& fields) {
  const std::string method = fields.text("quant_method").value_or("");
  if (method == "fp8") return fp8_with_blocks(fields);
  if (method == "modelopt") {
    const std::string algorithm = fields.text("quant_algo").value_or("");
    if (algorithm == "FP8") return fp8_with_blocks(fields);
    if (algorithm == "NVFP4") return quant::float_format(quant::FormatMode::nvfp4);
    fail_unreadable(fields, "quant_algo", algorithm);
  }
  if (method == "compressed-tensors") {
    const std::string format = fields.text("format").value_or("");
    if (format == "float-quantized" || format == "naive-quantized") return fp8_with_blocks(fields);
    fail_unreadable(fields, "format", format);
  }
  fail_unreadable(fields, "quant_method", method);
}

std::shared_ptr<const quant::Codec> published_codec(const Checkpoint& checkpoint,
                                                    const std::string& module,
                                                    const quant::Format& format) {
  const TensorInfo* weight = checkpoint.find(module + ".weight");
  if (weight == nullptr || weight->shape.size() != 2) return nullptr;
  if (format.mode == quant::FormatMode::fp8) {
    for (const char* name : fp8_scales) {
      const TensorInfo* scales = checkpoint.find(module + "." + name);
      if (scales == nullptr) continue;
      return fp8_codec(checkpoint, *weight, *scales, name, format.group_size);
    }
  }
  if (format.mode == quant::FormatMode::nvfp4 &&
      checkpoint.find(module + "." + nvfp4_scales) != nullptr) {
    quant::PublishedNvfp4 storage;
    const std::string name = module + "." + nvfp4_tensor_scale;
    if (checkpoint.find(name) != nullptr) {
      storage.tensor_scale = tensor_scale(checkpoint, checkpoint.tensor(name));
    }
    return quant::make_nvfp4_codec(storage);
  }
  return nullptr;
}

}  // namespace tarn
