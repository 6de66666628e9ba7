#include <cmath>
#include <cstring>

#include "tarn/base/error.h"
#include "tarn/base/file.h"
#include "tarn/base/half.h"
#include "tarn/base/json.h"
#include "tarn/compress/convert.h"
#include "tarn/compress/model_folder.h"
#include "tarn/compress/tensor_values.h"
#include "tarn/io/gguf.h"
#include "tarn/io/quote.h"
#include "tarn/io/safetensors_writer.h"
#include "tarn/models/gguf/checkpoint.h"
#include "tarn/models/gguf/config.h"
#include "tarn/models/gguf/value_heads.h"
#include "tarn/text/gguf/tokenizer.h"

namespace tarn::compress {
namespace {

namespace fs = std::filesystem;

constexpr int64_t piece_values = int64_t{1} << 22;

template <typename T>
std::vector<std::byte> narrowed(const std::vector<float>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(T));
  for (size_t i = 0; i < values.size(); ++i) {
    const T value = from_float<T>(values[i]);
    std::memcpy(bytes.data() + i * sizeof(T), &value, sizeof(T));
  }
  return bytes;
}

std::vector<std::byte> stored_as(StorageType type, const std::vector<float>& values) {
  if (type == StorageType::f16) return narrowed<float16>(values);
  if (type == StorageType::bf16) return narrowed<bfloat16>(values);
  return narrowed<float>(values);
}

class Converter {
 public:
  Converter(const fs::path& in, StorageType type)
      : file_(GgufFile::open(in)),
        type_(type),
        config_text_(gguf::config_json(file_)),
        config_(parse_model_config(config_text_, in.string())),
        checkpoint_(gguf::open_checkpoint(file_)) {}

  ConvertReport run(const fs::path& out, const ConvertProgress& progress) {
    std::vector<TensorSpec> specs;
    for (const TensorInfo* info : checkpoint_.tensors()) {
      report_.bytes_before += info->bytes.size();
      specs.push_back(spec_of(*info));
    }
    CheckpointWriter writer(out, specs);
    uint64_t done = 0;
    for (size_t i = 0; i < specs.size(); ++i) {
      const TensorInfo& info = *checkpoint_.tensors()[i];
      write(info, specs[i], writer);
      done += info.bytes.size();
      if (progress) progress(done, report_.bytes_before);
      ++report_.tensors[std::string(storage_type_name(specs[i].type))];
      uint64_t count = 1;
      for (const int64_t extent : specs[i].shape) count *= static_cast<uint64_t>(extent);
      report_.bytes_after += count * storage_type_bits(specs[i].type) / 8;
    }
    writer.finish();
    write_texts(out);
    return report_;
  }

 private:
  bool is_shifted_norm(const std::string& name) const {
    return config_.family == ModelFamily::qwen3_5 && name.ends_with("norm.weight") &&
           !name.ends_with("linear_attn.norm.weight");
  }

  TensorSpec spec_of(const TensorInfo& info) const {
    std::vector<int64_t> shape = TensorValues(checkpoint_, config_, info).shape();
    if (info.name.ends_with("conv1d.weight") && shape.size() == 3) shape = {shape[0], 1, shape[1]};
    return {info.name, type_, shape};
  }

  void write(const TensorInfo& info, const TensorSpec& spec, CheckpointWriter& writer) {
    const TensorValues values(checkpoint_, config_, info);
    if (values.quantized() != nullptr && !noted_) {
      report_.notes.push_back(
          fmt::format("quantized matrices are expanded to {}; the file itself runs as it is",
                      storage_type_name(type_)));
      noted_ = true;
    }
    const int64_t rows = values.rows();
    const int64_t each = values.row_values();
    std::vector<uint32_t> row_order, column_order;
    if (config_.linear_attention) {
      row_order = gguf::value_head_rows(*config_.linear_attention, info.name, rows, true);
      column_order = gguf::value_head_columns(*config_.linear_attention, info.name, each, true);
    }
    const int64_t fit = std::max<int64_t>(1, piece_values / std::max<int64_t>(1, each) / 16) * 16;
    const int64_t step = row_order.empty() ? fit : rows;
    for (int64_t first = 0; first < rows; first += step) {
      const int64_t last = std::min(first + step, rows);
      std::vector<float> piece = values.read(first, last);
      if (!row_order.empty()) {
        const std::vector<float> before = piece;
        for (size_t i = 0; i < row_order.size(); ++i) {
          std::copy_n(before.begin() + static_cast<int64_t>(row_order[i]) * each, each,
                      piece.begin() + static_cast<int64_t>(i) * each);
        }
      }
      if (!column_order.empty()) {
        const std::vector<float> before = piece;
        for (size_t at = 0; at < piece.size(); at += column_order.size()) {
          for (size_t i = 0; i < column_order.size(); ++i) {
            piece[at + i] = before[at + column_order[i]];
          }
        }
      }
      if (is_shifted_norm(info.name)) {
        for (float& x : piece) x -= 1;
      }
      writer.append(spec.name, stored_as(type_, piece));
    }
    info.owner->release(info.bytes);
  }

  void write_texts(const fs::path& out) {
    if (const auto tokenizer = text::gguf::tokenizer_json(file_)) {
      write_file(out / "tokenizer.json", *tokenizer);
    }
    ordered_json tokenizer_config = ordered_json::object();
    for (const auto& [variable, key] :
         {std::pair{"bos_token", "bos"}, std::pair{"eos_token", "eos"},
          std::pair{"unk_token", "unknown"}, std::pair{"pad_token", "padding"}}) {
      if (auto token = text::gguf::special_token(file_, key)) tokenizer_config[variable] = *token;
    }
    write_file(out / "tokenizer_config.json", tokenizer_config.dump(2) + "\n");
    if (const auto chat = text::gguf::chat_template(file_)) {
      write_file(out / "chat_template.jinja", *chat);
    }
    ordered_json config = parse_ordered_json(config_text_, "config.json");
    config.erase("quantization");
    config.erase("tiled_value_heads");
    config["dtype"] = type_ == StorageType::f32   ? "float32"
                      : type_ == StorageType::f16 ? "float16"
                                                  : "bfloat16";
    config["architectures"] = ordered_json::array({architecture_name()});
    write_file(out / config_name, config.dump(2) + "\n");  // last: what makes the folder a model
  }

  std::string architecture_name() const {
    switch (config_.family) {
      case ModelFamily::qwen2:
        return "Qwen2ForCausalLM";
      case ModelFamily::qwen3:
        return "Qwen3ForCausalLM";
      case ModelFamily::qwen3_5:
        return "Qwen3_5ForCausalLM";
      default:
        return "LlamaForCausalLM";
    }
  }

  GgufFile file_;
  StorageType type_;
  std::string config_text_;
  ModelConfig config_;
  Checkpoint checkpoint_;
  ConvertReport report_;
  bool noted_ = false;
};

}  // namespace

ConvertReport convert_from_gguf(const fs::path& in, const fs::path& out, StorageType type,
                                const ConvertProgress& progress) {
  std::error_code none;
  if (fs::exists(out, none) && (!fs::is_directory(out, none) || !fs::is_empty(out, none))) {
    fail(ErrorCode::invalid_argument, "{}: it exists and is no empty folder; name another",
         out.string());
  }
  return Converter(in, type).run(out, progress);
}

}  // namespace tarn::compress
