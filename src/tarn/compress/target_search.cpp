#include "tarn/compress/target_search.h"

#include <algorithm>
#include <cmath>

#include "tarn/base/error.h"
#include "tarn/compress/allocation.h"
#include "tarn/compress/model_folder.h"
#include "tarn/compress/quantized_config.h"

namespace tarn::compress {
namespace {

constexpr size_t most_candidates = 64;

// What the search does not decide on.
struct Fixed {
  uint64_t bytes = 0;
  uint64_t values = 0;  // of the whole model
};

Fixed fixed_part(const std::vector<PlannedTensor>& plan) {
  Fixed fixed;
  for (const PlannedTensor& planned : plan) {
    if (planned.left_out) continue;
    const TensorInfo& info = *planned.info;
    fixed.values += info.element_count();
    if (!planned.format) {
      fixed.bytes += info.bytes.size();
    } else if (planned.by_rule) {
      fixed.bytes +=
          codec_of(*planned.format, info.type)
              ->bytes(static_cast<size_t>(info.shape[0]), static_cast<size_t>(info.shape[1]));
    }
  }
  return fixed;
}

double bits(uint64_t bytes, uint64_t values) {
  return 8.0 * static_cast<double>(bytes) / static_cast<double>(values);
}

uint64_t budget_of(const Target& target, uint64_t values) {
  if (target.bytes > 0) return target.bytes;
  return static_cast<uint64_t>(
      std::floor(target.bits_per_weight * static_cast<double>(values) / 8));
}

void check_reach(const Target& target, const TargetResult& result, uint64_t values) {
  const uint64_t budget = budget_of(target, values);
  if (budget >= result.least_bytes && budget <= result.most_bytes) return;
  fail(
      ErrorCode::invalid_argument,
      "target of {} bytes ({:.3f} bits a weight): these candidates reach {} to {} bytes ({:.3f} to "
      "{:.3f} bits a weight, all tensors counted); choose a target in between or other "
      "--candidates",
      budget, bits(budget, values), result.least_bytes, result.most_bytes,
      bits(result.least_bytes, values), bits(result.most_bytes, values));
}

// Fits any of the candidates, if one does: so that the plan marks only what fits none.
quant::Format format_for_plan(const PlannedTensor& planned,
                              const std::vector<quant::Format>& candidates) {
  for (const quant::Format& format : candidates) {
    if (codec_of(format, planned.info->type)
            ->misfit(static_cast<size_t>(planned.info->shape[1]))
            .empty()) {
      return format;
    }
  }
  return candidates.front();
}

std::vector<PlannedTensor> plan_for(const Checkpoint& checkpoint, const ModelConfig& config,
                                    const std::vector<quant::Format>& candidates,
                                    const std::vector<Rule>& rules, bool allow_fallback) {
  std::vector<PlannedTensor> plan = plan_modules(checkpoint, config, {candidates.front(), rules});
  for (PlannedTensor& planned : plan) {
    if (!planned.misfit || planned.by_rule) continue;
    const quant::Format format = format_for_plan(planned, candidates);
    if (format == candidates.front()) continue;
    planned.format = format;
    planned.misfit = false;
    planned.reason.clear();
  }
  settle_misfits(plan, allow_fallback);
  return plan;
}

// The format of most weights becomes the recipe's own, the others rules.
Recipe recipe_of(const std::vector<MeasuredModule>& modules, const std::vector<size_t>& chosen,
                 const TargetResult& result, const std::vector<Rule>& rules) {
  const auto most =
      std::max_element(result.values.begin(), result.values.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  Recipe recipe{quant::parse_format(most->first), {}};
  for (size_t m = 0; m < modules.size(); ++m) {
    const quant::Format& format = modules[m].formats[chosen[m]].format;
    if (format == recipe.format) continue;
    recipe.rules.push_back(module_rule(modules[m].planned->module, format));
  }
  recipe.rules.insert(recipe.rules.end(), rules.begin(), rules.end());
  return recipe;
}

}  // namespace

const std::vector<quant::Format>& default_candidates() {
  static const std::vector<quant::Format> formats = parse_candidates(
      "iq2_xs,iq2_s,iq3_xxs,iq3_s,iq4_xs,q4_k,q5_k,q6_k,q8_0,lut3:32,lut4:64,lut4:32,lut6:32");
  return formats;
}

std::vector<quant::Format> parse_candidates(std::string_view text) {
  std::vector<quant::Format> formats;
  while (true) {
    const size_t comma = text.find(',');
    const quant::Format format = quant::parse_format(text.substr(0, comma));
    if (std::find(formats.begin(), formats.end(), format) == formats.end()) {
      formats.push_back(format);
    }
    if (formats.size() > most_candidates) {
      fail(ErrorCode::invalid_argument, "candidates: {} are the most", most_candidates);
    }
    if (comma == std::string_view::npos) return formats;
    text.remove_prefix(comma + 1);
  }
}

TargetResult search_target(const std::filesystem::path& folder, const Target& target,
                           const std::vector<quant::Format>& candidates,
                           const std::vector<Rule>& rules, bool allow_fallback,
                           const SensitivityOptions& options) {
  const std::string source = read_dense_config(folder);
  const ModelConfig config = parse_model_config(source, (folder / config_name).string());
  const Checkpoint checkpoint = Checkpoint::open(folder);
  const std::vector<PlannedTensor> plan =
      plan_for(checkpoint, config, candidates, rules, allow_fallback);
  const Fixed fixed = fixed_part(plan);
  const Reach reach = reachable_bytes(plan, candidates);
  TargetResult result;
  result.least_bytes = fixed.bytes + reach.least;
  result.most_bytes = fixed.bytes + reach.most;
  check_reach(target, result, fixed.values);

  const std::vector<MeasuredModule> modules =
      measure_sensitivity(folder, plan, candidates, options);
  std::vector<std::vector<Choice>> choices;
  for (const MeasuredModule& module : modules) {
    std::vector<Choice>& of_module = choices.emplace_back();
    for (const MeasuredFormat& format : module.formats) {
      of_module.push_back({format.bytes, format.loss});
    }
  }
  const std::vector<size_t> chosen =
      allocate(choices, budget_of(target, fixed.values) - fixed.bytes);
  result.bytes = fixed.bytes;
  for (size_t m = 0; m < modules.size(); ++m) {
    const MeasuredFormat& format = modules[m].formats[chosen[m]];
    result.bytes += format.bytes;
    result.loss += format.loss;
    result.values[format_text(format.format)] += modules[m].planned->info->element_count();
  }
  result.recipe = recipe_of(modules, chosen, result, rules);
  return result;
}

}  // namespace tarn::compress
