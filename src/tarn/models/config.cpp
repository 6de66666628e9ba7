#include "tarn/models/config.h"

#include <algorithm>
#include <array>
#include <utility>

#include "tarn/io/quote.h"
#include "tarn/models/config_families.h"
#include "tarn/models/config_parts.h"
#include "tarn/models/json_fields.h"
#include "tarn/models/model_files.h"

namespace tarn {
namespace {

// Upper limits: an order of magnitude above any published model, low enough that products of a few
// of them fit 64 bits.
constexpr int64_t kMaxLayers = 4096;
constexpr int64_t kMaxHeads = 4096;
constexpr int64_t kMaxHeadDim = 8192;
constexpr int64_t kMaxHidden = int64_t{1} << 20;
constexpr int64_t kMaxIntermediate = int64_t{1} << 24;
constexpr int64_t kMaxVocab = int64_t{1} << 26;
constexpr int64_t kMaxPosition = int64_t{1} << 40;
constexpr int64_t kMaxToken = int64_t{1} << 31;

std::string supported_families() {
  std::string result;
  for (const FamilyTraits& traits : model_families()) {
    result += fmt::format("{}{}", result.empty() ? "" : ", ", traits.name);
  }
  return result;
}

const FamilyTraits& find_family(const JsonFields& document, ModelConfig& config) {
  config.architectures = document.texts("architectures", 64);
  config.model_type = document.text("model_type").value_or("");
  for (const FamilyTraits& traits : model_families()) {
    const bool by_architecture = config.model_type.empty() && !config.architectures.empty() &&
                                 config.architectures[0] == traits.architecture;
    const bool by_type =
        !config.model_type.empty() &&
        (config.model_type == traits.name || config.model_type == traits.text_model_type);
    if (by_architecture || by_type) return traits;
  }
  if (config.model_type.empty() && config.architectures.empty()) {
    document.broken("model_type", "is missing");
  }
  const bool typed = !config.model_type.empty();
  document.fail_at(ErrorCode::unsupported, typed ? "model_type" : "architectures",
                   "is " + quote(typed ? config.model_type : config.architectures[0]) +
                       ", which Tarn does not run",
                   "choose a model of a supported family: " + supported_families());
}

void read_sizes(const JsonFields& fields, const FamilyTraits& family, ModelConfig& config) {
  config.vocab_size = fields.integer_or("vocab_size", 1, kMaxVocab, family.vocab_size);
  config.hidden_size = fields.integer_or("hidden_size", 1, kMaxHidden, family.hidden_size);
  config.intermediate_size =
      fields.integer_or("intermediate_size", 1, kMaxIntermediate, family.intermediate_size);
  config.num_hidden_layers =
      fields.integer_or("num_hidden_layers", 1, kMaxLayers, family.num_hidden_layers);
  config.num_attention_heads =
      fields.integer_or("num_attention_heads", 1, kMaxHeads, family.num_attention_heads);
  config.max_position_embeddings =
      fields.integer_or("max_position_embeddings", 1, kMaxPosition, family.max_position_embeddings);
  config.rms_norm_eps = fields.number_or("rms_norm_eps", 0.0, 1.0, kDefaultRmsNormEps);

  // An explicit null means as many as query heads, whatever the family's own default.
  const bool named = fields.value().contains("num_key_value_heads");
  const int64_t kv_absent = named || family.num_key_value_heads == 0 ? config.num_attention_heads
                                                                     : family.num_key_value_heads;
  config.num_key_value_heads = fields.integer_or("num_key_value_heads", 1, kMaxHeads, kv_absent);
  if (config.num_attention_heads % config.num_key_value_heads != 0) {
    fields.broken("num_key_value_heads", "is {}, which does not divide num_attention_heads {}",
                  config.num_key_value_heads, config.num_attention_heads);
  }
  config.head_dim = fields.integer_or("head_dim", 1, kMaxHeadDim, family.head_dim);
  if (config.head_dim == 0) {
    if (config.hidden_size % config.num_attention_heads != 0) {
      fields.broken("hidden_size",
                    "is {}, not a multiple of num_attention_heads {}, and head_dim is not given",
                    config.hidden_size, config.num_attention_heads);
    }
    config.head_dim = config.hidden_size / config.num_attention_heads;
    if (config.head_dim > kMaxHeadDim) {
      fields.broken("hidden_size", "makes heads of {} dimensions, more than {}", config.head_dim,
                    kMaxHeadDim);
    }
  }
}

Activation parse_activation(const JsonFields& fields) {
  constexpr std::array names{
      std::pair{std::string_view("silu"), Activation::silu},
      std::pair{std::string_view("swish"), Activation::silu},
      std::pair{std::string_view("gelu"), Activation::gelu},
      std::pair{std::string_view("gelu_pytorch_tanh"), Activation::gelu_tanh},
      std::pair{std::string_view("gelu_new"), Activation::gelu_tanh},
      std::pair{std::string_view("relu"), Activation::relu}};
  const std::string name = fields.text("hidden_act").value_or("silu");
  for (const auto& [known, activation] : names) {
    if (known == name) return activation;
  }
  fields.fail_at(ErrorCode::unsupported, "hidden_act",
                 "is " + quote(name) + ", which Tarn does not compute",
                 "supported are silu, gelu, gelu_pytorch_tanh and relu");
}

void read_variants(const JsonFields& fields, const FamilyTraits& family, ModelConfig& config) {
  config.hidden_act = parse_activation(fields);
  const bool attention_bias = fields.boolean_or("attention_bias", false);
  config.qkv_bias = family.attention_bias == BiasRule::qkv_only ||
                    (family.attention_bias == BiasRule::by_key && attention_bias);
  config.o_bias = family.attention_bias == BiasRule::by_key && attention_bias;
  config.mlp_bias = fields.boolean_or("mlp_bias", false) && family.mlp_bias == BiasRule::by_key;
  config.qk_norm = family.qk_norm;
  config.attn_output_gate = family.attn_output_gate && fields.boolean_or("attn_output_gate", true);
  config.mtp_num_hidden_layers = fields.integer_or("mtp_num_hidden_layers", 0, kMaxLayers, 0);
}

LayerType parse_layer_type(const JsonFields& fields, const std::string& name) {
  constexpr std::array names{
      std::pair{std::string_view("full_attention"), LayerType::full_attention},
      std::pair{std::string_view("attention"), LayerType::full_attention},
      std::pair{std::string_view("sliding_attention"), LayerType::sliding_attention},
      std::pair{std::string_view("linear_attention"), LayerType::linear_attention}};
  for (const auto& [known, type] : names) {
    if (known == name) return type;
  }
  fields.fail_at(ErrorCode::unsupported, "layer_types",
                 "holds " + quote(name) + ", which Tarn does not run",
                 "supported are full_attention, sliding_attention and linear_attention");
}

// "layer_types" of the file; empty if the file has none or the family takes no notice of it.
std::vector<LayerType> listed_layer_types(const JsonFields& fields, const FamilyTraits& family,
                                          ModelConfig& config) {
  if (!fields.has("layer_types")) return {};
  std::vector<LayerType> result;
  for (const std::string& name : fields.texts("layer_types", kMaxLayers)) {
    result.push_back(parse_layer_type(fields, name));
  }
  if (std::ssize(result) != config.num_hidden_layers) {
    fields.broken("layer_types", "has {} values for {} layers", result.size(),
                  config.num_hidden_layers);
  }
  if (!family.linear_attention && family.window != WindowRule::upper_layers) {
    const LayerType all =
        config.sliding_window ? LayerType::sliding_attention : LayerType::full_attention;
    if (std::count(result.begin(), result.end(), all) != std::ssize(result)) {
      config.warnings.push_back(
          fmt::format("{}: \"layer_types\" is ignored, as the {} architecture does not use it: "
                      "every layer is {}",
                      fields.source(), family.name, layer_type_name(all)));
    }
    return {};
  }
  const LayerType foreign =
      family.linear_attention ? LayerType::sliding_attention : LayerType::linear_attention;
  if (std::find(result.begin(), result.end(), foreign) != result.end()) {
    fields.fail_at(
        ErrorCode::unsupported, "layer_types",
        fmt::format("holds {}, which {} does not have", layer_type_name(foreign), family.name),
        "choose another model");
  }
  return result;
}

std::optional<int64_t> read_window(const JsonFields& fields, const FamilyTraits& family) {
  if (family.window == WindowRule::never) return std::nullopt;
  const auto window = fields.integer("sliding_window", 1, kMaxPosition);
  if (family.window == WindowRule::upper_layers &&
      !fields.boolean_or("use_sliding_window", false)) {
    return std::nullopt;
  }
  const bool named = fields.value().contains("sliding_window");  // an explicit null: no window
  return named ? window : std::optional(kDefaultSlidingWindow);
}

void read_layers(const JsonFields& fields, const FamilyTraits& family, ModelConfig& config) {
  config.sliding_window = read_window(fields, family);
  const int64_t first_windowed =
      fields.integer_or("max_window_layers", 0, kMaxPosition, kDefaultMaxWindowLayers);
  const int64_t interval =
      fields.integer_or("full_attention_interval", 1, kMaxPosition, kDefaultFullAttentionInterval);
  config.layer_types = listed_layer_types(fields, family, config);
  for (int64_t i = std::ssize(config.layer_types); i < config.num_hidden_layers; ++i) {
    const bool windowed =
        config.sliding_window && (family.window == WindowRule::every_layer || i >= first_windowed);
    const bool linear = family.linear_attention && (i + 1) % interval != 0;
    config.layer_types.push_back(linear     ? LayerType::linear_attention
                                 : windowed ? LayerType::sliding_attention
                                            : LayerType::full_attention);
  }
  const auto has = [&](LayerType type) {
    return std::find(config.layer_types.begin(), config.layer_types.end(), type) !=
           config.layer_types.end();
  };
  if (!has(LayerType::sliding_attention)) {
    config.sliding_window.reset();
  } else if (!config.sliding_window) {
    fields.broken("layer_types", "holds sliding_attention, but no sliding_window is in use");
  }
}

void read_linear_attention(const JsonFields& fields, ModelConfig& config) {
  const LinearAttentionConfig& absent = kDefaultLinearAttention;
  LinearAttentionConfig result;
  result.num_key_heads =
      fields.integer_or("linear_num_key_heads", 1, kMaxHeads, absent.num_key_heads);
  result.num_value_heads =
      fields.integer_or("linear_num_value_heads", 1, kMaxHeads, absent.num_value_heads);
  result.key_head_dim =
      fields.integer_or("linear_key_head_dim", 1, kMaxHeadDim, absent.key_head_dim);
  result.value_head_dim =
      fields.integer_or("linear_value_head_dim", 1, kMaxHeadDim, absent.value_head_dim);
  result.conv_kernel = fields.integer_or("linear_conv_kernel_dim", 1, 64, absent.conv_kernel);
  result.tiled_value_heads = fields.boolean_or("tiled_value_heads", false);
  if (result.num_value_heads % result.num_key_heads != 0) {
    fields.broken("linear_num_value_heads", "is {}, not a multiple of linear_num_key_heads {}",
                  result.num_value_heads, result.num_key_heads);
  }
  config.linear_attention = result;
}

// The key's id in the text part, or beside it. -1 stands for none in some files.
std::optional<int64_t> token_id(const JsonFields& fields, const JsonFields& document,
                                std::string_view key, std::optional<int64_t> absent) {
  const JsonFields& holder = fields.has(key) ? fields : document;
  if (fields.value().contains(key) && !holder.has(key)) return std::nullopt;
  const auto id = holder.integer(key, -1, kMaxToken);
  if (!id) return absent;
  return *id < 0 ? std::nullopt : id;
}

void read_tokens(const JsonFields& fields, const JsonFields& document, const FamilyTraits& family,
                 ModelConfig& config) {
  config.bos_token_id = token_id(fields, document, "bos_token_id", family.bos_token_id);
  config.pad_token_id = token_id(fields, document, "pad_token_id", std::nullopt);
  const JsonFields& holder = fields.has("eos_token_id") ? fields : document;
  config.eos_token_ids = holder.integer_or_list("eos_token_id", -1, kMaxToken, 1024);
  std::erase_if(config.eos_token_ids, [](int64_t id) { return id < 0; });
  if (!fields.value().contains("eos_token_id") && !holder.has("eos_token_id") &&
      family.eos_token_id) {
    config.eos_token_ids = {*family.eos_token_id};
  }
  for (const int64_t id : config.eos_token_ids) {
    if (id >= config.vocab_size) {
      config.warnings.push_back(
          fmt::format("{}: \"eos_token_id\" {} lies beyond vocab_size {}: the model cannot emit it",
                      fields.source(), id, config.vocab_size));
    }
  }
  if (document.object("vision_config")) {
    const auto id = [&](const char* key, int64_t absent) {
      return document.integer_or(key, 0, kMaxToken, absent);
    };
    config.vision_tokens = {.image = id("image_token_id", kDefaultVisionTokens.image),
                            .video = id("video_token_id", kDefaultVisionTokens.video),
                            .start = id("vision_start_token_id", kDefaultVisionTokens.start),
                            .end = id("vision_end_token_id", kDefaultVisionTokens.end)};
  }
}

std::optional<StorageType> read_dtype(const JsonFields& fields, ModelConfig& config) {
  const char* const key = fields.has("dtype") ? "dtype" : "torch_dtype";
  std::string name = fields.text(key).value_or("");
  if (name.empty() || name == "auto") return std::nullopt;
  if (name.starts_with("torch.")) name.erase(0, 6);
  if (name == "bfloat16") return StorageType::bf16;
  if (name == "float16" || name == "half") return StorageType::f16;
  if (name == "float32" || name == "float") return StorageType::f32;
  config.warnings.push_back(
      fmt::format("{}: \"{}\" is {}, which is ignored: the weights' own types hold",
                  fields.source(), key, quote(name)));
  return std::nullopt;
}

}  // namespace

std::string_view model_family_name(ModelFamily family) {
  for (const FamilyTraits& traits : model_families()) {
    if (traits.family == family) return traits.name;
  }
  return "unknown";
}

std::string_view layer_type_name(LayerType type) {
  constexpr std::string_view names[] = {"full_attention", "sliding_attention", "linear_attention"};
  return names[static_cast<size_t>(type)];
}

ModelConfig parse_model_config(std::string_view text, std::string_view source) {
  const json parsed = parse_json(text, source, 64, true);
  const JsonFields document(parsed, std::string(source));
  ModelConfig config;
  const FamilyTraits& family = find_family(document, config);
  config.family = family.family;
  // Multimodal files keep the language model's keys in an object of their own.
  const auto nested = document.object("text_config");
  const JsonFields& fields = nested ? *nested : document;

  read_sizes(fields, family, config);
  read_variants(fields, family, config);
  read_layers(fields, family, config);
  if (family.linear_attention) read_linear_attention(fields, config);
  LayerRopes ropes = parse_rope(fields, family, config.head_dim, config.max_position_embeddings);
  config.rope = std::move(ropes.full);
  config.sliding_rope = std::move(ropes.sliding);
  // The outer object is the one that ties; older conversions have the key only inside.
  config.tie_word_embeddings = document.boolean("tie_word_embeddings")
                                   .value_or(fields.boolean_or("tie_word_embeddings", false));
  read_tokens(fields, document, family, config);
  config.quantization = parse_quantization(document);
  config.dtype = read_dtype(document, config);
  if (!config.dtype && nested) config.dtype = read_dtype(fields, config);
  return config;
}

ModelConfig load_model_config(const std::filesystem::path& path) {
  return parse_model_config(read_config_json(path), config_path(path).string());
}

}  // namespace tarn
