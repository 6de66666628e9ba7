#include "tarn/compress/module_plan.h"

#include <algorithm>
#include <array>

#include "tarn/base/error.h"
#include "tarn/compress/matrix_source.h"
#include "tarn/io/quote.h"

namespace tarn::compress {
namespace {

constexpr std::string_view kWeight = ".weight";

std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t dot = path.find('.');
    parts.push_back(path.substr(0, dot));
    if (dot == std::string_view::npos) return parts;
    path.remove_prefix(dot + 1);
  }
}

bool has_part(const std::vector<std::string_view>& parts, std::string_view part) {
  return std::find(parts.begin(), parts.end(), part) != parts.end();
}

// Projections are q_proj, down_proj, in_proj_qkv and the like in all families.
bool is_linear(std::string_view part) {
  return part == "embed_tokens" || part == "lm_head" || part.ends_with("_proj") ||
         part.starts_with("in_proj_");
}

// Why a tensor is not one that quantization is for; empty when it is.
std::string reason_to_keep(const TensorInfo& info) {
  const std::vector<std::string_view> parts = parts_of(info.name);
  if (has_part(parts, "visual") || has_part(parts, "vision_tower")) return "vision tower";
  if (has_part(parts, "mtp")) return "multi-token prediction layers";
  if (info.shape.size() < 2) return "vectors";
  if (info.shape.size() > 2) return "convolutions";
  const bool linear = parts.size() >= 2 && parts.back() == "weight" && is_linear(parts.end()[-2]);
  if (!linear) return "neither linear layers nor embeddings";
  const bool floating = info.type == StorageType::f32 || info.type == StorageType::f16 ||
                        info.type == StorageType::bf16;
  if (!floating) return fmt::format("stored as {}", storage_type_name(info.type));
  return {};
}

PlannedTensor plan_tensor(const TensorInfo& info, const ModelConfig& config, const Recipe& recipe) {
  PlannedTensor planned{.info = &info, .module = info.name, .format = {}, .reason = {}};
  if (info.name.ends_with(kWeight)) {
    planned.module.resize(info.name.size() - kWeight.size());
  }
  planned.reason = reason_to_keep(info);
  if (!planned.reason.empty()) return planned;
  if (config.tie_word_embeddings && parts_of(planned.module).back() == "lm_head") {
    planned.left_out = true;
    return planned;
  }
  const Rule* rule = recipe.rule_of(planned.module);
  planned.by_rule = rule != nullptr;
  const std::optional<quant::Format> wanted = rule != nullptr ? rule->format : recipe.format;
  if (!wanted) {
    planned.reason = "as a rule asks";
  } else if (info.element_count() == 0) {
    planned.reason = "empty";
  } else if (std::string misfit =
                 codec_of(*wanted, info.type)->misfit(static_cast<size_t>(info.shape[1]));
             !misfit.empty()) {
    planned.reason = std::move(misfit);
    planned.misfit = true;
  } else {
    planned.format = wanted;
  }
  return planned;
}

}  // namespace

std::shared_ptr<const quant::Codec> codec_of(const quant::Format& format, StorageType weights) {
  return quant::make_codec(format, weights == StorageType::f32   ? quant::ScaleType::f32
                                   : weights == StorageType::f16 ? quant::ScaleType::f16
                                                                 : quant::ScaleType::bf16);
}

std::vector<PlannedTensor> plan_modules(const Checkpoint& checkpoint, const ModelConfig& config,
                                        const Recipe& recipe) {
  std::vector<PlannedTensor> plan;
  plan.reserve(checkpoint.tensors().size());
  for (const TensorInfo* info : checkpoint.tensors()) {
    plan.push_back(plan_tensor(*info, config, recipe));
    if (checkpoint.find(plan.back().module + ".scales") != nullptr) {
      fail(ErrorCode::invalid_argument,
           "{}: {} is quantized already: quantize the original model, a second rounding only loses",
           checkpoint.path().string(), quote(plan.back().module));
    }
  }
  return plan;
}

void settle_misfits(std::vector<PlannedTensor>& plan, bool allowed) {
  if (allowed) {
    for (PlannedTensor& planned : plan) {
      if (planned.format) {
        planned.reason = unusable_weights(*planned.info);
        planned.misfit = !planned.reason.empty();
      }
      if (!planned.misfit) continue;
      planned.format.reset();
      planned.fallback = true;
    }
    return;
  }
  const auto count =
      std::count_if(plan.begin(), plan.end(), [](const auto& one) { return one.misfit; });
  if (count == 0) return;
  const PlannedTensor& first =
      *std::find_if(plan.begin(), plan.end(), [](const auto& one) { return one.misfit; });
  fail(ErrorCode::invalid_argument,
       "{} cannot be quantized as asked: {}{}; give such layers another format (--rule "
       "'PATTERN=FORMAT'), keep them ('PATTERN=none'), or keep all that do not fit "
       "(--allow-fallback)",
       quote(first.module), first.reason,
       count > 1 ? fmt::format(" ({} layers in all)", count) : std::string());
}

// mlx-lm wraps the text model of qwen3_5 in one more module, multimodal or not.
std::string mlx_module_path(const std::string& module, const ModelConfig& config) {
  constexpr std::string_view wrapper = "language_model.";
  constexpr std::string_view stored = "model.language_model.";
  if (config.family != ModelFamily::qwen3_5 || module.starts_with(wrapper)) return module;
  if (module.starts_with(stored)) {
    return fmt::format("{}model.{}", wrapper, module.substr(stored.size()));
  }
  return fmt::format("{}{}", wrapper, module);
}

}  // namespace tarn::compress
