#include "tarn/models/gguf/names.h"

#include <array>

namespace tarn::gguf {
namespace {

struct Pair {
  std::string_view gguf;
  std::string_view hugging_face;
};

constexpr std::array outside{Pair{"token_embd", "model.embed_tokens"},
                             Pair{"output_norm", "model.norm"}, Pair{"output", "lm_head"}};
// Behind "blk.N." and "model.layers.N.".
constexpr std::array in_layer{
    Pair{"attn_norm", "input_layernorm"},    Pair{"attn_q", "self_attn.q_proj"},
    Pair{"attn_k", "self_attn.k_proj"},      Pair{"attn_v", "self_attn.v_proj"},
    Pair{"attn_output", "self_attn.o_proj"}, Pair{"attn_q_norm", "self_attn.q_norm"},
    Pair{"attn_k_norm", "self_attn.k_norm"}, Pair{"ffn_gate", "mlp.gate_proj"},
    Pair{"ffn_up", "mlp.up_proj"},           Pair{"ffn_down", "mlp.down_proj"}};
constexpr Pair norm_before_mlp{"ffn_norm", "post_attention_layernorm"};
constexpr Pair norm_behind_attention{"post_attention_norm", "post_attention_layernorm"};
constexpr std::array in_linear_attention{
    Pair{"attn_qkv", "linear_attn.in_proj_qkv"}, Pair{"attn_gate", "linear_attn.in_proj_z"},
    Pair{"ssm_alpha", "linear_attn.in_proj_a"},  Pair{"ssm_beta", "linear_attn.in_proj_b"},
    Pair{"ssm_out", "linear_attn.out_proj"},     Pair{"ssm_conv1d", "linear_attn.conv1d"},
    Pair{"ssm_norm", "linear_attn.norm"}};
// Whole names, which have no ".weight".
constexpr std::array whole_in_linear_attention{Pair{"ssm_a", "linear_attn.A_log"},
                                               Pair{"ssm_dt.bias", "linear_attn.dt_bias"}};

struct Architecture {
  ModelFamily family;
  std::string_view name;
};
constexpr std::array architectures{
    Architecture{ModelFamily::llama, "llama"}, Architecture{ModelFamily::mistral, "llama"},
    Architecture{ModelFamily::qwen2, "qwen2"}, Architecture{ModelFamily::qwen3, "qwen3"},
    Architecture{ModelFamily::qwen3_5, "qwen35"}};

constexpr std::string_view gguf_layers = "blk.";
constexpr std::string_view hugging_face_layers = "model.layers.";

enum class Way { to_hugging_face, to_gguf };

template <size_t count>
std::optional<std::string> look_up(const std::array<Pair, count>& pairs, std::string_view name,
                                   Way way) {
  for (const Pair& pair : pairs) {
    if (name == (way == Way::to_hugging_face ? pair.gguf : pair.hugging_face)) {
      return std::string(way == Way::to_hugging_face ? pair.hugging_face : pair.gguf);
    }
  }
  return std::nullopt;
}

// `name` without the layer's number and the kind's ending (".weight" or ".bias").
std::optional<std::string> name_in_layer(ModelFamily family, std::string_view name, Way way) {
  if (auto found = look_up(in_layer, name, way)) return found;
  if (family != ModelFamily::qwen3_5) return look_up(std::array{norm_before_mlp}, name, way);
  if (auto found = look_up(std::array{norm_behind_attention}, name, way)) return found;
  return look_up(in_linear_attention, name, way);
}

std::optional<std::string> translate(ModelFamily family, std::string_view name, Way way) {
  const std::string_view from = way == Way::to_gguf ? hugging_face_layers : gguf_layers;
  const std::string_view to = way == Way::to_gguf ? gguf_layers : hugging_face_layers;
  std::string prefix;
  std::string_view rest = name;
  const bool layer = name.starts_with(from);
  if (layer) {
    rest.remove_prefix(from.size());
    const size_t dot = rest.find('.');
    if (dot == 0 || dot == rest.npos || dot > 6 ||
        rest.substr(0, dot).find_first_not_of("0123456789") != rest.npos) {
      return std::nullopt;
    }
    prefix = std::string(to) + std::string(rest.substr(0, dot + 1));
    rest.remove_prefix(dot + 1);
    if (family == ModelFamily::qwen3_5) {
      if (auto found = look_up(whole_in_linear_attention, rest, way)) return prefix + *found;
    }
  }
  for (const std::string_view ending : {".weight", ".bias"}) {
    if (!rest.ends_with(ending)) continue;
    const std::string_view stem = rest.substr(0, rest.size() - ending.size());
    const auto found = layer ? name_in_layer(family, stem, way) : look_up(outside, stem, way);
    if (found) return prefix + *found + std::string(ending);
  }
  return std::nullopt;
}

}  // namespace

std::string_view architecture_of(ModelFamily family) {
  for (const Architecture& one : architectures) {
    if (one.family == family) return one.name;
  }
  return {};
}

std::optional<ModelFamily> family_of(std::string_view architecture) {
  for (const Architecture& one : architectures) {
    if (one.name == architecture) return one.family;
  }
  return std::nullopt;
}

std::string known_architectures() {
  std::string all;
  for (const Architecture& one : architectures) {
    if (one.family == ModelFamily::mistral) continue;
    all += all.empty() ? "" : ", ";
    all += one.name;
  }
  return all;
}

std::optional<std::string> hugging_face_name(ModelFamily family, std::string_view gguf_name) {
  return translate(family, gguf_name, Way::to_hugging_face);
}

std::optional<std::string> gguf_name(ModelFamily family, std::string_view hugging_face_name) {
  return translate(family, hugging_face_name, Way::to_gguf);
}

}  // namespace tarn::gguf
