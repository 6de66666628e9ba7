#include "tarn/models/gguf/checkpoint.h"

#include "tarn/base/error.h"
#include "tarn/io/quote.h"
#include "tarn/models/config.h"
#include "tarn/models/gguf/config.h"
#include "tarn/models/gguf/names.h"
#include "tarn/models/gguf/rotary_order.h"
#include "tarn/quant/ggml_blocks.h"

namespace tarn::gguf {
namespace {

using quant::GgmlType;

StorageType dense_storage(const GgufFile& file, const GgufTensor& tensor) {
  switch (tensor.type) {
    case GgmlType::f32:
      return StorageType::f32;
    case GgmlType::f16:
      return StorageType::f16;
    case GgmlType::bf16:
      return StorageType::bf16;
    case GgmlType::f64:
      return StorageType::f64;
    case GgmlType::i8:
      return StorageType::i8;
    case GgmlType::i16:
      return StorageType::i16;
    case GgmlType::i32:
      return StorageType::i32;
    case GgmlType::i64:
      return StorageType::i64;
    default:
      fail(ErrorCode::unsupported,
           "{}: tensor {} has the type {}, which is for intermediate results; convert the model "
           "again",
           file.path().string(), quote(tensor.name), info(tensor.type).name);
  }
}

bool is_rotary(const ModelConfig& config, std::string_view name) {
  return architecture_of(config.family) == "llama" &&
         (name.find(".self_attn.q_proj.") != name.npos ||
          name.find(".self_attn.k_proj.") != name.npos);
}

TensorInfo describe(const GgufFile& file, const ModelConfig& config, const GgufTensor& tensor) {
  TensorInfo described;
  described.name = hugging_face_name(config.family, tensor.name).value_or(tensor.name);
  described.bytes = tensor.bytes;
  described.owner = tensor.owner;
  described.shape = tensor.shape;
  if (quant::is_weight_type(tensor.type)) {
    const quant::GgmlTypeInfo& type = info(tensor.type);
    described.type = StorageType::u8;
    described.shape.back() = described.shape.back() / static_cast<int64_t>(type.block_values) *
                             static_cast<int64_t>(type.block_bytes);
  } else {
    described.type = dense_storage(file, tensor);
  }
  if (described.name.ends_with(".conv1d.weight") && described.shape.size() == 2) {
    described.shape.push_back(1);  // MLX's layout, whose norms have their one added as well
  }
  if (described.name.ends_with(".A_log")) described.log_of_negative = true;
  if (is_rotary(config, described.name)) {
    const bool query = described.name.find(".q_proj.") != described.name.npos;
    const int64_t heads = query ? config.num_attention_heads : config.num_key_value_heads;
    if (heads < 1 || described.shape[0] % (2 * heads) != 0 || described.shape[0] > INT32_MAX) {
      fail(ErrorCode::corrupt,
           "{}: the {} rows of tensor {} do not make {} heads: download or "
           "convert the file again",
           file.path().string(), described.shape[0], quote(tensor.name), heads);
    }
    described.row_order = halves_from_neighbours(described.shape[0], heads);
  }
  return described;
}

}  // namespace

Checkpoint open_checkpoint(const GgufFile& file) {
  const ModelConfig config = parse_model_config(config_json(file), file.path().string());
  std::vector<TensorInfo> tensors;
  tensors.reserve(file.tensors().size());
  for (const GgufTensor& tensor : file.tensors()) {
    if (tensor.name.starts_with("rope_")) continue;  // in config_json()
    tensors.push_back(describe(file, config, tensor));
  }
  return Checkpoint::of_tensors(file.path(), std::move(tensors));
}

}  // namespace tarn::gguf
