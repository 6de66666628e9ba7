// `tarn quantize IN OUT --recipe R`: a quantized copy of a model folder.
#include "tarn/compress/quantize.h"

#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tarn/base/log.h"
#include "tarn/base/progress.h"
#include "tarn/cli/commands.h"
#include "tarn/cli/options.h"
#include "tarn/cli/quantize_report.h"
#include "tarn/compress/recipe_file.h"
#include "tarn/compress/target_search.h"
#include "tarn/lm/model_path.h"

namespace tarn::cli {
namespace {

struct Options {
  std::string in;
  std::string out;
  std::string recipe;
  std::vector<std::string> rules;
  std::string calibrate;
  std::optional<int64_t> calibrate_tokens;
  std::string importance;
  std::string save_importance;
  std::string save_recipe;
  double target_bpw = 0;
  std::string target_size;
  std::string candidates;
  bool gptq = false;
  bool awq = false;
  bool allow_fallback = false;
  bool as_json = false;

  bool has_target() const { return target_bpw > 0 || !target_size.empty(); }
};

constexpr uint64_t kMegabyte = 1000 * 1000;

std::vector<std::string> named(const std::map<std::string, uint64_t>& names) {
  std::vector<std::string> parts;
  for (const auto& [name, count] : names) {
    parts.push_back(count > 1 ? fmt::format("{} ({})", name, count) : name);
  }
  return parts;
}

// What is known of the model's activations, as far as the user asked for it.
struct Calibration {
  std::optional<compress::CalibrationText> text;
  std::optional<compress::Importance> importance;
};

Calibration calibrate(const Options& options, const std::filesystem::path& model, int64_t tokens) {
  Calibration result;
  if (!options.importance.empty()) {
    result.importance = compress::read_importance(options.importance);
  }
  if (options.calibrate.empty()) return result;
  result.text = compress::read_calibration_text(model, options.calibrate, tokens);
  if (result.importance) return result;
  Progress progress("calibrating", result.text->tokens.size(), "tokens");
  result.importance = compress::collect_importance(
      model, *result.text, [&](uint64_t done, uint64_t) { progress.set(done); });
  if (!options.save_importance.empty()) {
    compress::write_importance(options.save_importance, *result.importance);
  }
  return result;
}

void check(const Options& options) {
  if (!options.save_importance.empty() && options.calibrate.empty()) {
    usage_error("--save-importance", "there is none to save without --calibrate");
  }
  if (!options.save_importance.empty() && !options.importance.empty()) {
    usage_error("--save-importance", "--importance names a file that has it already");
  }
  if (options.recipe.empty() != options.has_target()) {
    usage_error("--recipe", "give either a recipe or a target (--target-bpw, --target-size)");
  }
  if (!options.candidates.empty() && !options.has_target()) {
    usage_error("--candidates", "they are what a target is searched with; give one");
  }
}

// "500MB" by powers of 1000, as the report counts; "500M" and "500MiB" by powers of 1024.
uint64_t target_bytes(const std::string& text) {
  if (text.empty()) return 0;
  constexpr std::string_view units = "KMGT";
  const size_t size = text.size();
  const bool decimal =
      size > 2 && text[size - 1] == 'B' && units.find(text[size - 2]) != units.npos;
  if (!decimal) return parse_bytes(text, "--target-size");
  double bytes = static_cast<double>(parse_bytes(text.substr(0, size - 2), "--target-size"));
  for (size_t i = 0; i <= units.find(text[size - 2]); ++i) bytes *= 1000;
  return static_cast<uint64_t>(std::min(bytes, 0x1p62));
}

compress::Recipe find_recipe(const Options& options, const std::filesystem::path& model,
                             const std::vector<compress::Rule>& rules,
                             const Calibration& calibration) {
  std::optional<Progress> progress;
  compress::SensitivityOptions how;
  how.importance = calibration.importance ? &*calibration.importance : nullptr;
  how.text = calibration.text ? &*calibration.text : nullptr;
  how.progress = [&](uint64_t done, uint64_t total) {
    if (!progress) progress.emplace("measuring", total, "encodings");
    progress->set(done);
  };
  const compress::TargetResult result = compress::search_target(
      model, {.bytes = target_bytes(options.target_size), .bits_per_weight = options.target_bpw},
      options.candidates.empty() ? compress::default_candidates()
                                 : compress::parse_candidates(options.candidates),
      rules, options.allow_fallback, how);
  progress.reset();
  if (!options.as_json) print_target(result, calibration.text.has_value());
  return result.recipe;
}

compress::RecipeFile recipe_for(const Options& options, const std::filesystem::path& model,
                                Calibration& calibration) {
  std::vector<compress::Rule> rules;
  for (const std::string& rule : options.rules) rules.push_back(compress::parse_rule(rule));
  compress::RecipeFile file;
  if (!options.has_target()) {
    file = compress::load_recipe(options.recipe);
    file.recipe.rules.insert(file.recipe.rules.end(), rules.begin(), rules.end());
  }
  file.calibration.gptq = file.calibration.gptq || options.gptq;
  if (file.calibration.gptq && options.calibrate.empty()) {
    usage_error("--gptq", "it needs a text: give --calibrate FILE");
  }
  file.calibration.awq = file.calibration.awq || options.awq;
  if (file.calibration.awq && options.calibrate.empty() && options.importance.empty()) {
    usage_error("--awq", "it needs activations: give --calibrate FILE or --importance FILE");
  }
  calibration = calibrate(options, model,
                          options.calibrate_tokens.value_or(file.calibration.tokens.value_or(
                              compress::default_calibration_tokens)));
  if (options.has_target()) {
    file.recipe = find_recipe(options, model, rules, calibration);
    file.description = options.target_size.empty()
                           ? fmt::format("found for {} bits a weight", options.target_bpw)
                           : fmt::format("found for {}", options.target_size);
  }
  return file;
}

void run(const Options& options) {
  check(options);
  const std::filesystem::path model = model_path(options.in);
  Calibration calibration;
  const compress::RecipeFile file = recipe_for(options, model, calibration);
  if (!options.save_recipe.empty()) compress::save_recipe(options.save_recipe, file);
  std::optional<Progress> progress;
  compress::QuantizeOptions how;
  how.importance = calibration.importance ? &*calibration.importance : nullptr;
  if (file.calibration.gptq) how.feedback = &*calibration.text;
  how.allow_fallback = options.allow_fallback;
  how.scale_activations = file.calibration.awq;
  std::optional<Progress> scaling;
  how.scaling_progress = [&](uint64_t done, uint64_t total) {
    if (!scaling) scaling.emplace("scaling", total, "groups");
    scaling->set(done);
    if (done == total) scaling.reset();
  };
  how.progress = [&](uint64_t done, uint64_t total) {
    if (!progress) progress.emplace("quantizing", total / kMegabyte, "MB");
    progress->set(done / kMegabyte);
  };
  const compress::QuantizeReport report =
      compress::quantize_model(model, options.out, file.recipe, how);
  progress.reset();
  for (const std::string& warning : report.warnings) logging::warn("{}", warning);
  for (const compress::Kept& group : report.kept) {
    logging::warn("not quantized: {}: {}", group.reason, fmt::join(named(group.names), ", "));
  }
  for (const std::string& layer : report.fallbacks) {
    logging::warn("kept at full precision: {}", layer);
  }
  if (options.as_json) {
    print_quantize_json(report, options.in, options.out);
  } else {
    print_quantize_text(report, options.out);
  }
}

void add_target(CLI::App& command, Options& options) {
  const char* group = "Target";
  CLI::Option* const bits =
      command
          .add_option("--target-bpw", options.target_bpw,
                      "Choose a format for each matrix, so that the whole model takes at most so "
                      "many bits a weight; with --calibrate by measured divergence")
          ->check(CLI::Range(0.1, 32.0))
          ->group(group);
  command
      .add_option("--target-size", options.target_size,
                  "The same by the bytes of all tensors: 500MB, 2GiB")
      ->excludes(bits)
      ->group(group);
  command
      .add_option("--candidates", options.candidates,
                  "Formats to choose from: lut3:32,lut4:32,lut6")
      ->group(group);
  command
      .add_option("--save-recipe", options.save_recipe,
                  "Write what was chosen as a recipe that --recipe takes (JSON)")
      ->group(group);
}

void add_calibration(CLI::App& command, Options& options) {
  const char* group = "Calibration";
  command
      .add_option("--calibrate", options.calibrate,
                  "A UTF-8 text like those the model will see: errors count as much as the "
                  "activations that meet them are large there")
      ->group(group);
  command
      .add_option("--calibrate-tokens", options.calibrate_tokens,
                  fmt::format("Tokens of it to run, at most (default: {})",
                              compress::default_calibration_tokens))
      ->check(CLI::Range(int64_t{2}, int64_t{1} << 24))
      ->group(group);
  command
      .add_flag("--gptq", options.gptq,
                "Make the error of each column good in those that follow (GPTQ); takes longer")
      ->group(group);
  command
      .add_flag("--awq", options.awq,
                "Scale weights by the activations that meet them before rounding, and undo it in "
                "what comes before (AWQ); the model computes the same")
      ->group(group);
  command
      .add_option("--save-importance", options.save_importance,
                  "Write what calibration found to this file (safetensors)")
      ->group(group);
  command
      .add_option("--importance", options.importance, "Such a file, in the place of --calibrate")
      ->group(group);
}

}  // namespace

void add_quantize(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* const command =
      app.add_subcommand("quantize", "Write a quantized copy of a model folder");
  command
      ->add_option("IN", options->in, "A model folder in Hugging Face layout, or an embedded model")
      ->required();
  command->add_option("OUT", options->out, "The folder to write; new or empty")->required();
  command->add_option(
      "--recipe", options->recipe,
      "A format for all matrices: affine:BITS:GROUP, lutBITS, lutBITS:GROUP, or a type of "
      "GGUF such as q4_k; a mixture: lut4_m, lut3_m, affine4_m, q4_k_m, q3_k_m; or a file of "
      "rules, FILE.json");
  command
      ->add_option("--rule", options->rules,
                   "PATTERN=FORMAT or PATTERN=none for modules that differ, by their path in "
                   "the checkpoint; may be repeated, the last that matches wins")
      ->allow_extra_args(false);
  command->add_flag(
      "--allow-fallback", options->allow_fallback,
      "Keep layers that cannot be quantized as asked, instead of ending with an error");
  add_calibration(*command, *options);
  add_target(*command, *options);
  command->add_flag("--json", options->as_json, "One JSON document");
  command->callback([options] { run(*options); });
}

}  // namespace tarn::cli
