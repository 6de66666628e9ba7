#include "tarn/compress/scale_group.h"

#include <array>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace tarn::compress {
namespace {

// What checkpoints put before "layers.0", in the order in which the loader tries it.
constexpr std::array<std::string_view, 6> prefixes = {
    "model.",      "", "model.language_model.", "language_model.model.", "language_model.",
    "model.model."};

bool is_floating(StorageType type) {
  return type == StorageType::f32 || type == StorageType::f16 || type == StorageType::bf16;
}

class Finder {
 public:
  Finder(const Checkpoint& checkpoint, const ModelConfig& config,
         const std::vector<PlannedTensor>& plan)
      : checkpoint_(checkpoint), config_(config) {
    for (const PlannedTensor& planned : plan) modules_[planned.module] = &planned;
    norm_offset_ = config.family == ModelFamily::qwen3_5 && !has_mlx_layout() ? 1.0F : 0.0F;
  }

  std::vector<ScaleGroup> run() {
    for (int64_t i = 0; i < config_.num_hidden_layers; ++i) {
      const std::string layer = layer_name(i);
      if (config_.layer_types[static_cast<size_t>(i)] == LayerType::linear_attention) {
        add_linear_attention(layer);
      } else {
        add_attention(layer);
      }
      add_after_norm(layer + ".post_attention_layernorm",
                     {layer + ".mlp.gate_proj", layer + ".mlp.up_proj"});
      add_after_rows(layer + ".mlp.up_proj", layer + ".mlp.down_proj",
                     [](size_t input) { return input; });
    }
    return std::move(groups_);
  }

 private:
  std::string layer_name(int64_t index) const {
    std::string layer = "layers." + std::to_string(index);
    for (const std::string_view prefix : prefixes) {
      std::string name = std::string(prefix) + layer;
      if (modules_.contains(name + ".input_layernorm")) return name;
    }
    return layer;
  }

  // MLX's converter adds the one to the weights of norms; it turns convolutions around too, which
  // is how such checkpoints are known (models/qwen3_5.cpp).
  bool has_mlx_layout() const {
    for (size_t i = 0; i < config_.layer_types.size(); ++i) {
      if (config_.layer_types[i] != LayerType::linear_attention) continue;
      const auto conv = modules_.find(layer_name(static_cast<int64_t>(i)) + ".linear_attn.conv1d");
      if (conv == modules_.end()) return false;
      const std::vector<int64_t>& shape = conv->second->info->shape;
      return shape.size() == 3 && shape[2] == 1 && shape[1] > 1;
    }
    return false;
  }

  void add_attention(const std::string& layer) {
    const std::string module = layer + ".self_attn";
    add_after_norm(layer + ".input_layernorm",
                   {module + ".q_proj", module + ".k_proj", module + ".v_proj"});
    const auto width = static_cast<size_t>(config_.head_dim);
    const auto shared =
        static_cast<size_t>(config_.num_attention_heads / config_.num_key_value_heads);
    add_after_rows(module + ".v_proj", module + ".o_proj",
                   [=](size_t input) { return input / width / shared * width + input % width; });
  }

  void add_linear_attention(const std::string& layer) {
    const std::string module = layer + ".linear_attn";
    add_after_norm(layer + ".input_layernorm", {module + ".in_proj_qkv", module + ".in_proj_z",
                                                module + ".in_proj_b", module + ".in_proj_a"});
    ScaleGroup group;
    if (!add_reader(group, module + ".out_proj")) return;
    group.vector = vector(module + ".norm.weight");
    if (group.vector == nullptr) return;
    const size_t width = group.vector->element_count();
    group.entries = width;
    add(std::move(group), [width](size_t input) { return input % width; });
  }

  void add_after_norm(const std::string& norm, const std::vector<std::string>& readers) {
    ScaleGroup group;
    group.vector = vector(norm + ".weight");
    if (group.vector == nullptr) return;
    for (const std::string& reader : readers) {
      if (!add_reader(group, reader)) return;
    }
    group.entries = group.vector->element_count();
    group.offset = norm_offset_;
    add(std::move(group), [](size_t input) { return input; });
  }

  void add_after_rows(const std::string& producer, const std::string& reader,
                      const std::function<size_t(size_t)>& entry_of) {
    ScaleGroup group;
    group.producer = matrix(producer);
    if (group.producer == nullptr || !add_reader(group, reader)) return;
    group.entries = static_cast<size_t>(group.producer->info->shape[0]);
    if (checkpoint_.find(producer + ".bias") != nullptr) {
      group.vector = vector(producer + ".bias");
      if (group.vector == nullptr || group.vector->element_count() != group.entries) return;
    }
    add(std::move(group), entry_of);
  }

  // Scales must have a place for every input, and all readers the same inputs.
  void add(ScaleGroup group, const std::function<size_t(size_t)>& entry_of) {
    const int64_t inputs = group.readers.front()->info->shape[1];
    for (const PlannedTensor* reader : group.readers) {
      if (reader->info->shape[1] != inputs) return;
    }
    for (size_t i = 0; i < static_cast<size_t>(inputs); ++i) {
      const size_t entry = entry_of(i);
      if (entry >= group.entries) return;
      group.entry_of.push_back(static_cast<uint32_t>(entry));
    }
    groups_.push_back(std::move(group));
  }

  bool add_reader(ScaleGroup& group, const std::string& module) {
    group.readers.push_back(matrix(module));
    return group.readers.back() != nullptr;
  }

  const PlannedTensor* matrix(const std::string& module) const {
    const auto found = modules_.find(module);
    if (found == modules_.end()) return nullptr;
    const TensorInfo& info = *found->second->info;
    const bool fits = info.shape.size() == 2 && is_floating(info.type) && info.element_count() > 0;
    return fits ? found->second : nullptr;
  }

  const TensorInfo* vector(const std::string& name) const {
    const TensorInfo* info = checkpoint_.find(name);
    const bool fits = info != nullptr && info->shape.size() == 1 && is_floating(info->type) &&
                      info->element_count() > 0;
    return fits ? info : nullptr;
  }

  const Checkpoint& checkpoint_;
  const ModelConfig& config_;
  std::map<std::string, const PlannedTensor*> modules_;
  float norm_offset_ = 0;
  std::vector<ScaleGroup> groups_;
};

}  // namespace

std::vector<ScaleGroup> scale_groups(const Checkpoint& checkpoint, const ModelConfig& config,
                                     const std::vector<PlannedTensor>& plan) {
  return Finder(checkpoint, config, plan).run();
}

}  // namespace tarn::compress
