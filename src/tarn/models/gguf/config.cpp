#include "tarn/models/gguf/config.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>

#include "tarn/base/error.h"
#include "tarn/base/half.h"
#include "tarn/base/json.h"
#include "tarn/io/quote.h"
#include "tarn/models/gguf/names.h"
#include "tarn/models/quantization_json.h"
#include "tarn/quant/ggml_blocks.h"

namespace tarn::gguf {
namespace {

constexpr const char* remedy = "download or convert the file again";

class Metadata {
 public:
  explicit Metadata(const GgufFile& file)
      : file_(file), prefix_(std::string(file.architecture()) + ".") {}

  std::optional<int64_t> integer(std::string_view key) const {
    return file_.get_int(prefix_ + std::string(key));
  }
  std::optional<double> number(std::string_view key) const {
    return file_.get_float(prefix_ + std::string(key));
  }
  int64_t need(std::string_view key) const {
    const auto value = integer(key);
    if (!value) {
      fail(ErrorCode::corrupt, "{}: the metadata lacks \"{}{}\": {}", file_.path().string(),
           prefix_, key, remedy);
    }
    return *value;
  }
  // A number for all layers, or one for each that must be the same in all.
  int64_t need_same(std::string_view key) const {
    const std::string full = prefix_ + std::string(key);
    const GgufValue* value = file_.find(full);
    const auto* array = value == nullptr ? nullptr : std::get_if<GgufArray>(&value->value);
    if (array == nullptr) return need(key);
    const auto* values = std::get_if<std::vector<int64_t>>(&array->values);
    // Linear attention layers have no heads of this kind and say 0.
    int64_t same = 0;
    for (const int64_t one : values == nullptr ? std::vector<int64_t>{-1} : *values) {
      if (one == 0) continue;
      if (one < 0 || (same != 0 && one != same)) {
        fail(ErrorCode::unsupported,
             "{}: \"{}\" differs from layer to layer, which Tarn does not run",
             file_.path().string(), full);
      }
      same = one;
    }
    return same;
  }
  std::vector<int64_t> integers(std::string_view key) const {
    const std::string full = prefix_ + std::string(key);
    const GgufArray* array = file_.get_array(full);
    if (array == nullptr) return {};
    if (const auto* values = std::get_if<std::vector<int64_t>>(&array->values)) return *values;
    fail(ErrorCode::corrupt, "{}: \"{}\" does not hold whole numbers: {}", file_.path().string(),
         full, remedy);
  }
  std::optional<std::string_view> text(std::string_view key) const {
    return file_.get_string(prefix_ + std::string(key));
  }

 private:
  const GgufFile& file_;
  std::string prefix_;
};

std::vector<double> factors(const GgufFile& file, const char* name) {
  const GgufTensor* tensor = file.find_tensor(name);
  if (tensor == nullptr) return {};
  if (tensor->type != quant::GgmlType::f32) {
    fail(ErrorCode::corrupt, "{}: tensor \"{}\" is {}, not F32: {}", file.path().string(), name,
         info(tensor->type).name, remedy);
  }
  std::vector<float> values(tensor->bytes.size() / sizeof(float));
  std::memcpy(values.data(), tensor->bytes.data(), values.size() * sizeof(float));
  return {values.begin(), values.end()};
}

// How frequencies are stretched. A factor for each frequency is what config.json calls longrope.
ordered_json rope_scaling(const GgufFile& file, const Metadata& metadata, int64_t context) {
  const auto all = [&](std::vector<double> values, int64_t original, double attention) {
    return ordered_json{{"rope_type", "longrope"},
                        {"short_factor", values},
                        {"long_factor", values},
                        {"original_max_position_embeddings", original},
                        {"attention_factor", attention}};
  };
  const int64_t original =
      metadata.integer("rope.scaling.original_context_length").value_or(context);
  if (std::vector<double> values = factors(file, "rope_freqs.weight"); !values.empty()) {
    return all(values, context, 1.0);
  }
  const double attention = metadata.number("rope.scaling.attn_factor").value_or(1.0);
  if (std::vector<double> far = factors(file, "rope_factors_long.weight"); !far.empty()) {
    ordered_json scaling = all(far, original, attention);
    scaling["short_factor"] = factors(file, "rope_factors_short.weight");
    return scaling;
  }
  const std::string_view type = metadata.text("rope.scaling.type").value_or("none");
  const double factor = metadata.number("rope.scaling.factor").value_or(1.0);
  if (type == "none" || factor == 1.0) return {};
  if (type == "linear") return {{"rope_type", "linear"}, {"factor", factor}};
  if (type == "yarn") {
    ordered_json scaling = {
        {"rope_type", "yarn"}, {"factor", factor}, {"original_max_position_embeddings", original}};
    if (const auto fast = metadata.number("rope.scaling.yarn_beta_fast")) {
      scaling["beta_fast"] = *fast;
    }
    if (const auto slow = metadata.number("rope.scaling.yarn_beta_slow")) {
      scaling["beta_slow"] = *slow;
    }
    return scaling;
  }
  fail(ErrorCode::unsupported, "{}: rope scaling {} is not one that Tarn knows (linear, yarn)",
       file.path().string(), quote(type));
}

void add_linear_attention(const Metadata& metadata, int64_t layers, ordered_json& config) {
  const int64_t value_heads = metadata.need("ssm.time_step_rank");
  const int64_t inner = metadata.need("ssm.inner_size");
  config["linear_conv_kernel_dim"] = metadata.need("ssm.conv_kernel");
  config["linear_key_head_dim"] = metadata.need("ssm.state_size");
  config["linear_num_key_heads"] = metadata.need("ssm.group_count");
  config["linear_num_value_heads"] = value_heads;
  config["linear_value_head_dim"] = value_heads > 0 ? inner / value_heads : 0;
  config["tiled_value_heads"] = true;
  const int64_t interval = metadata.integer("full_attention_interval").value_or(4);
  ordered_json types = ordered_json::array();
  constexpr int64_t most_layers = 100000;
  for (int64_t i = 0; i < std::min(layers, most_layers); ++i) {
    const bool full = interval > 0 && (i + 1) % interval == 0;
    types.push_back(full ? "full_attention" : "linear_attention");
  }
  config["layer_types"] = std::move(types);
}

// Modules whose matrices are quantized, by their names in Hugging Face's terms.
void add_quantization(const GgufFile& file, ModelFamily family, ordered_json& config) {
  std::map<quant::GgmlType, uint64_t> bytes;
  std::vector<std::pair<std::string, const GgufTensor*>> modules;
  constexpr std::string_view weight = ".weight";
  for (const GgufTensor& tensor : file.tensors()) {
    const auto name = hugging_face_name(family, tensor.name);
    if (!name || !name->ends_with(weight) || tensor.shape.size() != 2) continue;
    if (quant::is_weight_type(tensor.type)) bytes[tensor.type] += tensor.bytes.size();
    modules.emplace_back(name->substr(0, name->size() - weight.size()), &tensor);
  }
  if (bytes.empty()) return;
  const auto most = std::max_element(
      bytes.begin(), bytes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  ordered_json quantization = quantization_json(quant::ggml_format(most->first));
  for (const auto& [module, tensor] : modules) {
    if (tensor->type == most->first) continue;
    quantization[module] = quant::is_weight_type(tensor->type)
                               ? quantization_json(quant::ggml_format(tensor->type))
                               : ordered_json(false);
  }
  config["quantization"] = std::move(quantization);
}

std::string_view model_type(ModelFamily family) {
  return family == ModelFamily::qwen3_5 ? "qwen3_5_text" : model_family_name(family);
}

// The type of the tensors that are not quantized and not vectors.
const char* dense_type(const GgufFile& file) {
  for (const GgufTensor& tensor : file.tensors()) {
    if (tensor.shape.size() != 2) continue;
    if (tensor.type == quant::GgmlType::f16) return "float16";
    if (tensor.type == quant::GgmlType::f32) return "float32";
    if (tensor.type == quant::GgmlType::bf16) return "bfloat16";
  }
  return "bfloat16";
}

}  // namespace

std::string config_json(const GgufFile& file) {
  const std::string_view architecture = file.architecture();
  const auto family = family_of(architecture);
  if (!family) {
    fail(ErrorCode::unsupported, "{}: the architecture is {}, and Tarn runs {} from GGUF files",
         file.path().string(), quote(architecture), known_architectures());
  }
  const Metadata metadata(file);
  const int64_t heads = metadata.need_same("attention.head_count");
  const int64_t hidden = metadata.need("embedding_length");
  const int64_t layers = metadata.need("block_count");
  const int64_t context = metadata.need("context_length");
  const int64_t head_dim =
      metadata.integer("attention.key_length").value_or(heads > 0 ? hidden / heads : 0);
  const GgufTensor* embedding = file.find_tensor("token_embd.weight");
  if (embedding == nullptr || embedding->shape.size() != 2) {
    fail(ErrorCode::corrupt, "{}: tensor \"token_embd.weight\" is missing or no matrix: {}",
         file.path().string(), remedy);
  }
  ordered_json config = {{"model_type", model_type(*family)},
                         {"vocab_size", embedding->shape[0]},
                         {"hidden_size", hidden},
                         {"intermediate_size", metadata.need_same("feed_forward_length")},
                         {"num_hidden_layers", layers},
                         {"num_attention_heads", heads},
                         {"head_dim", head_dim},
                         {"max_position_embeddings", context},
                         {"hidden_act", "silu"},
                         {"tie_word_embeddings", file.find_tensor("output.weight") == nullptr},
                         {"attention_bias", file.find_tensor("blk.0.attn_q.bias") != nullptr},
                         {"mlp_bias", file.find_tensor("blk.0.ffn_up.bias") != nullptr},
                         {"dtype", dense_type(file)}};
  config["num_key_value_heads"] =
      file.find(std::string(architecture) + ".attention.head_count_kv") != nullptr
          ? metadata.need_same("attention.head_count_kv")
          : heads;
  if (const auto eps = metadata.number("attention.layer_norm_rms_epsilon")) {
    config["rms_norm_eps"] = *eps;
  }
  ordered_json rope = rope_scaling(file, metadata, context);
  if (rope.is_null()) rope = {{"rope_type", "default"}};
  rope["rope_theta"] = metadata.number("rope.freq_base").value_or(10000.0);
  const auto rotated = metadata.integer("rope.dimension_count");
  if (rotated && head_dim > 0 && *rotated > 0 && *rotated != head_dim) {
    rope["partial_rotary_factor"] = static_cast<double>(*rotated) / static_cast<double>(head_dim);
  }
  std::vector<int64_t> sections = metadata.integers("rope.dimension_sections");
  if (sections.size() >= 3) {
    sections.resize(3);
    rope["mrope_section"] = sections;
  }
  config["rope_parameters"] = std::move(rope);
  if (*family == ModelFamily::qwen3_5) add_linear_attention(metadata, layers, config);
  for (const auto& [key, from] : {std::pair{"bos_token_id", "tokenizer.ggml.bos_token_id"},
                                  std::pair{"pad_token_id", "tokenizer.ggml.padding_token_id"}}) {
    if (const auto id = file.get_int(from)) config[key] = *id;
  }
  ordered_json ends = ordered_json::array();
  for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                          "tokenizer.ggml.eom_token_id"}) {
    const auto id = file.get_int(key);
    if (id && std::find(ends.begin(), ends.end(), *id) == ends.end()) ends.push_back(*id);
  }
  if (!ends.empty()) config["eos_token_id"] = std::move(ends);
  add_quantization(file, *family, config);
  return config.dump();
}

}  // namespace tarn::gguf
