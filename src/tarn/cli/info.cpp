// `tarn info MODEL`: what a model folder or a .safetensors file holds, read from the headers alone.
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "tarn/base/error.h"
#include "tarn/base/json.h"
#include "tarn/base/log.h"
#include "tarn/cli/commands.h"
#include "tarn/io/checkpoint.h"
#include "tarn/io/gguf.h"
#include "tarn/io/quote.h"
#include "tarn/io/safetensors_header.h"
#include "tarn/models/config.h"
#include "tarn/models/generation_config.h"
#include "tarn/models/model_files.h"
#include "tarn/models/packed.h"
#include "tarn/models/quantization_json.h"
#include "tarn/models/stored_matrix.h"

namespace tarn::cli {
namespace {

struct Options {
  std::string model;
  bool tensors = false;
  bool as_json = false;
};

struct Format {
  uint64_t tensors = 0;
  uint64_t elements = 0;
  uint64_t bytes = 0;
};

struct Facts {
  Checkpoint checkpoint;
  std::optional<ModelConfig> config;  // absent: a bare file, or a model Tarn does not run
  GenerationConfig generation;
  std::string unsupported;  // why
  std::map<std::string_view, Format> formats;
  uint64_t parameters = 0;
  uint64_t packed_matrices = 0;
};

// Values before quantization. Scales and the like are not parameters of the model.
uint64_t parameter_count(const Checkpoint& checkpoint, const std::optional<ModelConfig>& config) {
  const bool packed = is_packed(checkpoint);
  constexpr std::string_view weight = ".weight";
  uint64_t total = 0;
  std::set<std::string> sides;
  std::map<std::string_view, uint64_t> plain;
  for (const TensorInfo* info : checkpoint.tensors()) {
    const std::string_view name = info->name;
    if (packed && name.ends_with(packed_suffix)) {
      const PackedMatrix matrix = packed_matrix(checkpoint, *info);
      total += static_cast<uint64_t>(matrix.rows) * static_cast<uint64_t>(matrix.columns);
      continue;
    }
    if (config && config->quantization && name.ends_with(weight)) {
      const std::string module(name.substr(0, name.size() - weight.size()));
      const auto format = config->quantization->of(module);
      if (format && has_quantized_weights(checkpoint, module)) {
        const StoredMatrix matrix = stored_matrix(checkpoint, module, *format);
        total += static_cast<uint64_t>(matrix.rows) * static_cast<uint64_t>(matrix.columns);
        for (const TensorInfo& part : matrix.parts) sides.insert(part.name);
        continue;
      }
    }
    plain[name] = info->element_count();
  }
  for (const auto& [name, count] : plain) {
    if (!sides.contains(std::string(name))) total += count;
  }
  return total;
}

Facts gather(const std::filesystem::path& model) {
  Facts facts{.checkpoint = open_checkpoint(model),
              .config = {},
              .generation = {},
              .unsupported = {},
              .formats = {},
              .parameters = 0,
              .packed_matrices = 0};
  if (std::filesystem::is_directory(model) || is_gguf(model)) {
    try {
      facts.config = load_model_config(model);
      facts.generation = load_generation_config(model, *facts.config);
    } catch (const Error& error) {
      // The tensors of a model that Tarn does not run can still be listed.
      if (error.code() != ErrorCode::unsupported && error.code() != ErrorCode::not_found) throw;
      facts.unsupported = error.what();
    }
  }
  const bool packed = is_packed(facts.checkpoint);
  for (const TensorInfo* info : facts.checkpoint.tensors()) {
    Format& format = facts.formats[storage_type_name(info->type)];
    format.tensors += 1;
    format.elements += info->element_count();
    format.bytes += info->bytes.size();
    if (packed && info->name.ends_with(packed_suffix)) ++facts.packed_matrices;
  }
  facts.parameters = parameter_count(facts.checkpoint, facts.config);
  return facts;
}

// Digits compare by value, so that layers.10 follows layers.9.
bool natural_less(std::string_view a, std::string_view b) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  while (!a.empty() && !b.empty()) {
    if (digit(a[0]) && digit(b[0])) {
      const auto number = [&](std::string_view text) {
        const auto end = std::find_if_not(text.begin(), text.end(), digit);
        return text.substr(0, static_cast<size_t>(end - text.begin()));
      };
      const std::string_view x = number(a);
      const std::string_view y = number(b);
      if (x != y) return x.size() != y.size() ? x.size() < y.size() : x < y;
      a.remove_prefix(x.size());
      b.remove_prefix(y.size());
    } else {
      if (a[0] != b[0]) return a[0] < b[0];
      a.remove_prefix(1);
      b.remove_prefix(1);
    }
  }
  return a.size() < b.size();
}

std::vector<const TensorInfo*> sorted_tensors(const Checkpoint& checkpoint) {
  std::vector<const TensorInfo*> result = checkpoint.tensors();
  std::sort(result.begin(), result.end(), [](const TensorInfo* a, const TensorInfo* b) {
    return natural_less(a->name, b->name);
  });
  return result;
}

// 1.23 k, M, G, T: three significant digits.
std::string scaled(uint64_t value) {
  if (value < 1000) return fmt::format("{} ", value);
  auto number = static_cast<double>(value);
  size_t unit = 0;
  while (number >= 999.5 && unit < 4) {
    number /= 1000.0;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", number,
                     number < 9.995   ? 2
                     : number < 99.95 ? 1
                                      : 0,
                     std::string_view(" kMGT")[unit]);
}

// A file's text on its way to a terminal.
std::string printable(const std::string& text) {
  const auto control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  return std::any_of(text.begin(), text.end(), control) ? quote(text) : text;
}

std::string layer_summary(const ModelConfig& config) {
  std::map<std::string_view, int64_t> counts;
  for (const LayerType type : config.layer_types) ++counts[layer_type_name(type)];
  std::vector<std::string> parts;
  for (const auto& [name, count] : counts) parts.push_back(fmt::format("{} {}", count, name));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string quantization_summary(const QuantizationConfig& quantization) {
  std::string text = format_text(quantization.format);
  if (!quantization.overrides.empty()) {
    text += fmt::format("; {} modules differ", quantization.overrides.size());
  }
  return text;
}

template <typename... Args>
void row(std::string_view label, fmt::format_string<Args...> format, Args&&... args) {
  fmt::print("{:<14}{}\n", label, fmt::format(format, std::forward<Args>(args)...));
}

void print_config(const ModelConfig& config, const GenerationConfig& generation) {
  row("architecture", "{} ({})", model_family_name(config.family), config.model_type);
  row("layers", "{}: {}", config.num_hidden_layers, layer_summary(config));
  row("widths", "hidden {}, intermediate {}, vocabulary {}{}", config.hidden_size,
      config.intermediate_size, config.vocab_size,
      config.tie_word_embeddings ? " (tied embeddings)" : "");
  row("attention", "{} heads, {} key-value heads of {}", config.num_attention_heads,
      config.num_key_value_heads, config.head_dim);
  if (config.sliding_window) row("window", "{}", *config.sliding_window);
  if (config.linear_attention) {
    row("delta net", "{} key heads of {}, {} value heads of {}",
        config.linear_attention->num_key_heads, config.linear_attention->key_head_dim,
        config.linear_attention->num_value_heads, config.linear_attention->value_head_dim);
  }
  row("rope", "{}, theta {:g}, {:g} % of each head", rope_type_name(config.rope.type),
      config.rope.theta, 100.0 * config.rope.partial_rotary_factor);
  row("context", "{}", config.max_position_embeddings);
  if (config.quantization) row("quantization", "{}", quantization_summary(*config.quantization));
  row("end tokens", "{}", fmt::join(generation.eos_token_ids, ", "));
}

void print_text(const Facts& facts, const Options& options) {
  row("model", "{}", options.model);
  if (facts.config) print_config(*facts.config, facts.generation);
  if (!facts.unsupported.empty()) row("not runnable", "{}", facts.unsupported);
  row("parameters", "{}", scaled(facts.parameters));
  row("weights", "{}B in {} tensors, {} {}", scaled(facts.checkpoint.total_bytes()),
      facts.checkpoint.tensors().size(), facts.checkpoint.files().size(),
      facts.checkpoint.files().size() == 1 ? "file" : "files");
  if (facts.packed_matrices > 0) {
    row("packed", "{} matrices as panels, layout {}", facts.packed_matrices, packed_layout);
  }
  for (const auto& [name, format] : facts.formats) {
    row("", "{:<8} {}B in {} tensors", name, scaled(format.bytes), format.tensors);
  }
  if (!options.tensors) return;
  fmt::print("\n");
  for (const TensorInfo* info : sorted_tensors(facts.checkpoint)) {
    fmt::print("{:<7} {:<20} {:>8}B  {}\n", storage_type_name(info->type), shape_text(info->shape),
               scaled(info->bytes.size()), printable(info->name));
  }
}

json to_json(const std::optional<quant::Format>& format) {
  if (!format) return false;
  return quantization_json(*format);
}

json config_json(const ModelConfig& config, const GenerationConfig& generation) {
  json out = {{"family", model_family_name(config.family)},
              {"model_type", config.model_type},
              {"architectures", config.architectures},
              {"vocab_size", config.vocab_size},
              {"hidden_size", config.hidden_size},
              {"intermediate_size", config.intermediate_size},
              {"num_hidden_layers", config.num_hidden_layers},
              {"num_attention_heads", config.num_attention_heads},
              {"num_key_value_heads", config.num_key_value_heads},
              {"head_dim", config.head_dim},
              {"max_position_embeddings", config.max_position_embeddings},
              {"tie_word_embeddings", config.tie_word_embeddings},
              {"rope_type", rope_type_name(config.rope.type)},
              {"rope_theta", config.rope.theta},
              {"eos_token_ids", generation.eos_token_ids}};
  for (const LayerType type : config.layer_types) {
    out["layer_types"].push_back(layer_type_name(type));
  }
  if (config.sliding_window) out["sliding_window"] = *config.sliding_window;
  if (config.quantization) {
    out["quantization"] = to_json(config.quantization->format);
    for (const auto& [module, format] : config.quantization->overrides) {
      out["quantization"]["overrides"][module] = to_json(format);
    }
  }
  return out;
}

void print_json(const Facts& facts, const Options& options) {
  json out = {{"model", options.model},
              {"parameters", facts.parameters},
              {"bytes", facts.checkpoint.total_bytes()},
              {"tensor_count", facts.checkpoint.tensors().size()},
              {"metadata", facts.checkpoint.metadata()},
              {"files", json::array()},
              {"formats", json::object()}};
  if (facts.config) out["config"] = config_json(*facts.config, facts.generation);
  if (facts.packed_matrices > 0) {
    out["packed"] = {{"layout", packed_layout}, {"matrices", facts.packed_matrices}};
  }
  if (!facts.unsupported.empty()) out["unsupported"] = facts.unsupported;
  for (const SafetensorsFile& file : facts.checkpoint.files()) {
    out["files"].push_back(
        {{"name", file.path().filename().string()}, {"tensors", file.tensors().size()}});
  }
  for (const auto& [name, format] : facts.formats) {
    out["formats"][std::string(name)] = {
        {"tensors", format.tensors}, {"elements", format.elements}, {"bytes", format.bytes}};
  }
  if (options.tensors) {
    out["tensors"] = json::array();
    for (const TensorInfo* info : sorted_tensors(facts.checkpoint)) {
      out["tensors"].push_back({{"name", info->name},
                                {"type", storage_type_name(info->type)},
                                {"shape", info->shape},
                                {"bytes", info->bytes.size()},
                                {"aligned", info->aligned()},
                                {"file", info->owner->path().filename().string()}});
    }
  }
  fmt::print("{}\n", out.dump(2, ' ', false, json::error_handler_t::replace));
}

void run(const Options& options) {
  const Facts facts = gather(options.model);
  if (options.as_json) {
    print_json(facts, options);
  } else {
    print_text(facts, options);
  }
  for (const std::string& warning : facts.checkpoint.warnings()) logging::warn("{}", warning);
  if (facts.config) {
    for (const std::string& warning : facts.config->warnings) logging::warn("{}", warning);
  }
}

}  // namespace

void add_info(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* const command =
      app.add_subcommand("info", "Show a model's architecture, tensors, formats and sizes");
  command->add_option("MODEL", options->model, "A model folder or a .safetensors file")->required();
  command->add_flag("--tensors", options->tensors, "List every tensor");
  command->add_flag("--json", options->as_json, "One JSON document");
  command->callback([options] { run(*options); });
}

}  // namespace tarn::cli
