// tarn plan: what a machine will do with a model, from its config.json alone.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <limits>
#include <memory>

#include "tarn/base/error.h"
#include "tarn/base/log.h"
#include "tarn/base/team.h"
#include "tarn/cli/commands.h"
#include "tarn/cli/options.h"
#include "tarn/cli/plan_report.h"
#include "tarn/io/quote.h"
#include "tarn/lm/model_path.h"
#include "tarn/plan/shapes.h"

namespace tarn::cli {
namespace {

constexpr int64_t default_context = 4096;
constexpr int64_t default_prompt = 512;
constexpr double giga = 1e9;
constexpr double gibi = 1 << 30;

struct Options {
  std::string model;
  std::string device;
  std::optional<double> bandwidth;  // GB/s
  std::optional<double> memory;     // GiB
  std::optional<int64_t> context;
  std::optional<int64_t> prompt;
  int64_t batch = 1;
  std::vector<std::string> formats;
  std::string kv{name(plan::default_kv)};
  int threads = 0;
  bool as_json = false;
};

template <typename Items>
std::string names_of(const Items& items) {
  std::string names;
  for (const auto& item : items) names += fmt::format("{}{}", names.empty() ? "" : ", ", item.name);
  return names;
}

struct Target {
  std::string name;
  ModelConfig config;
};

// A folder or a config.json comes before a shape of the same name, a shape before an embedded
// model.
Target find_target(const std::string& model) {
  std::error_code none;
  if (std::filesystem::is_regular_file(model, none)) return {model, load_model_config(model)};
  if (!std::filesystem::exists(model, none)) {
    if (const plan::NamedShape* shape = plan::find_shape(model)) {
      return {model, parse_model_config(shape->config, shape->name)};
    }
  }
  try {
    const std::filesystem::path path = model_path(model);
    return {model_name(path), load_model_config(path)};
  } catch (const Error& error) {
    if (error.code() != ErrorCode::not_found || std::filesystem::exists(model, none)) throw;
    fail(ErrorCode::not_found,
         "{}: there is no such folder or file, embedded model or built-in shape; give a "
         "config.json, the folder that holds one, or one of: {}",
         quote(model), names_of(plan::named_shapes()));
  }
}

plan::Device find_target_device(const Options& options) {
  const bool unnamed = options.device.empty();
  plan::Device device;
  if (unnamed && options.bandwidth) {
    if (!options.memory) {
      usage_error("--bandwidth", "a machine without a name needs --memory too");
    }
    device.name = "custom";
    device.description = "a machine as described";
  } else if (unnamed || options.device == "local") {
    device = plan::local_device(options.threads > 0 ? options.threads : Team::default_size());
  } else {
    device = plan::find_device(options.device);
  }
  if (options.bandwidth) {
    device.bandwidth = *options.bandwidth * giga;
    device.measured = false;
  }
  if (options.memory) device.memory = *options.memory * gibi;
  return device;
}

std::vector<PlanRow> make_rows(const Options& options, const ModelConfig& config, KvType kv) {
  std::vector<PlanRow> rows;
  const auto add = [&](plan::WeightFormat format, bool own) {
    rows.push_back({plan::PlannedModel(config, std::move(format), kv), {}, own});
  };
  if (!options.formats.empty()) {
    for (const std::string& format : options.formats) add(plan::parse_weight_format(format), false);
    return rows;
  }
  std::string own_name;
  try {
    plan::WeightFormat own = plan::own_weight_format(config);
    own_name = own.name;
    add(std::move(own), true);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unsupported) throw;
    logging::warn("{}", error.what());
  }
  for (plan::WeightFormat& format : plan::usual_weight_formats()) {
    if (format.name != own_name) add(std::move(format), false);
  }
  return rows;
}

plan::Workload workload_of(const Options& options, const ModelConfig& config) {
  const int64_t limit = config.max_position_embeddings;
  const int64_t context = options.context.value_or(std::min(default_context, limit));
  if (context > limit) {
    fail(ErrorCode::invalid_argument,
         "context {}: the model has positions for {} tokens; choose a smaller --context", context,
         limit);
  }
  const int64_t prompt = options.prompt.value_or(std::min(default_prompt, context));
  if (prompt > context) {
    fail(ErrorCode::invalid_argument,
         "prompt {}: it is longer than the context of {}; raise --context or shorten --prompt",
         prompt, context);
  }
  return {context, prompt, options.batch};
}

void run(const Options& options) {
  const KvType kv = parse_kv_type(options.kv);
  Target target = find_target(options.model);
  for (const std::string& warning : target.config.warnings) logging::warn("{}", warning);
  PlanReport report{.model = target.name,
                    .config = target.config,
                    .device = {},
                    .efficiency = {},
                    .workload = workload_of(options, target.config),
                    .kv = kv,
                    .rows = make_rows(options, target.config, kv)};
  report.device = find_target_device(options);
  for (PlanRow& row : report.rows) {
    row.prediction = plan::predict(row.model, report.device, report.efficiency, report.workload,
                                   target.config.max_position_embeddings);
  }
  fmt::print("{}", options.as_json ? plan_json(report) : plan_table(report));
}

}  // namespace

void add_plan(CLI::App& app) {
  auto* command = app.add_subcommand("plan", "Say beforehand what a machine will do with a model");
  auto options = std::make_shared<Options>();
  const auto tokens = CLI::Range(int64_t{1}, int64_t{1} << 40);
  const auto amount = CLI::Range(1e-3, 1e9);
  command
      ->add_option("model", options->model,
                   "Model folder or name, a config.json, or a built-in shape")
      ->required();
  command->add_option("--device", options->device,
                      "Machine to plan for (default: local, which is measured)");
  command->add_option("--bandwidth", options->bandwidth, "Memory bandwidth in GB/s")->check(amount);
  command->add_option("--memory", options->memory, "Memory in GB (of 2^30 bytes)")->check(amount);
  command->add_option("--context", options->context, "Tokens of each sequence (default: 4096)")
      ->check(tokens);
  command->add_option("--prompt", options->prompt, "Tokens of the prompt (default: 512)")
      ->check(tokens);
  command->add_option("--batch", options->batch, "Sequences at once")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 20))
      ->capture_default_str();
  command->add_option(
      "--format", options->formats,
      "Weight formats: bf16, f16, f32, affine:BITS:GROUP (default: the usual ones)");
  command->add_option("--kv", options->kv, "Keys and values: f32, bf16, int8, int4")
      ->check(CLI::IsMember({"f32", "bf16", "int8", "int4"}))
      ->capture_default_str();
  command->add_option("-t,--threads", options->threads, "Threads of the local machine")
      ->check(CLI::Range(1, 1024));
  command->add_flag("--json", options->as_json, "One JSON document");
  command->footer(fmt::format(
      "Needs no weights. Sizes are exact; speeds are limits (memory bandwidth, arithmetic) times\n"
      "the part of them that kernels reach: docs/plan.md.\n\n"
      "Devices: local, {}\n\nShapes: {}\n\n"
      "Example: tarn plan llama-3.1-70b --device m4-max --context 8192 --kv int8",
      names_of(plan::known_devices()), names_of(plan::named_shapes())));
  command->callback([options] { run(*options); });
}

}  // namespace tarn::cli
