// tarn bench: how fast a model runs here, beside what this machine's memory allows.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <span>
#include <utility>

#include "tarn/base/clock.h"
#include "tarn/base/process_memory.h"
#include "tarn/base/team.h"
#include "tarn/cli/bench_report.h"
#include "tarn/cli/commands.h"
#include "tarn/cli/interrupt.h"
#include "tarn/cli/options.h"
#include "tarn/cli/profile_report.h"
#include "tarn/cpu/arithmetic_peak.h"
#include "tarn/cpu/bandwidth.h"
#include "tarn/cpu/isa/isa.h"
#include "tarn/io/atomic_file.h"
#include "tarn/lm/model_path.h"
#include "tarn/memory/pool.h"
#include "tarn/plan/predict.h"

namespace tarn::cli {
namespace {

constexpr double probe_seconds = 0.5;
constexpr double arithmetic_seconds = 0.06;

struct Options {
  std::string model;
  std::vector<int64_t> prompts{512};
  std::vector<int64_t> generated{128};
  std::vector<int64_t> depths{0};
  std::vector<int> batches{1};
  int repeats = 5;
  std::string output = "md";
  bool profile = false;
  std::string trace;  // file; empty: none
  EngineOptions engine;
};

std::string test_name(const char* kind, int64_t tokens, int64_t depth) {
  return depth == 0 ? fmt::format("{}{}", kind, tokens)
                    : fmt::format("{}{} @ d{}", kind, tokens, depth);
}

using Profiles = std::vector<std::pair<std::string, std::unique_ptr<Profile>>>;

// One test once more, with every step timed.
template <typename Benchmark>
void profile_test(const std::string& test, BenchmarkOptions options, const Benchmark& benchmark,
                  Profiles& profiles) {
  auto profile = std::make_unique<Profile>();
  options.repeats = 1;
  set_profile(profile.get());
  try {
    benchmark(options);
  } catch (...) {
    set_profile(nullptr);
    throw;
  }
  set_profile(nullptr);
  profiles.emplace_back(test, std::move(profile));
}

std::vector<BenchRow> run_tests(const Options& options, const Model& model,
                                const std::atomic<bool>& cancel,
                                const std::function<double()>& bandwidth, Profiles& profiles) {
  std::vector<BenchRow> rows;
  const bool profiled = options.profile || !options.trace.empty();
  for (const int64_t depth : options.depths) {
    BenchmarkOptions benchmark;
    benchmark.depth = depth;
    benchmark.repeats = options.repeats;
    benchmark.cancel = &cancel;
    benchmark.bandwidth = bandwidth;
    for (const int64_t prompt : options.prompts) {
      if (prompt == 0) continue;
      benchmark.prompt = prompt;
      const std::string test = test_name("pp", prompt, depth);
      rows.push_back({test, prompt, depth, benchmark_prefill(model, benchmark), {}});
      if (!profiled) continue;
      profile_test(
          test, benchmark, [&](const auto& b) { benchmark_prefill(model, b); }, profiles);
    }
    for (const int64_t generated : options.generated) {
      if (generated == 0) continue;
      benchmark.generated = generated;
      for (const int batch : options.batches) {
        benchmark.batch = batch;
        const std::string test = test_name("tg", generated, depth) +
                                 (batch == 1 ? std::string() : fmt::format(" x {}", batch));
        rows.push_back({test, generated, depth, {}, benchmark_decode(model, benchmark), batch});
        if (!profiled) continue;
        profile_test(
            test, benchmark, [&](const auto& b) { benchmark_decode(model, b); }, profiles);
      }
    }
  }
  return rows;
}

// Perfetto shows one test well; the last is written.
void write_trace(const std::string& path, const Profiles& profiles) {
  const auto& [test, profile] = profiles.back();
  const std::string trace = chrome_trace(*profile);
  AtomicFile file(path, trace.size());
  file.write_at(0, std::as_bytes(std::span(trace)));
  file.commit();
  fmt::print(stderr, "{}: the steps of {}, for https://ui.perfetto.dev{}\n", path, test,
             profile->truncated() ? "; it was cut after a million spans" : "");
}

KvType kv_type(const Model& model) {
  const Cache cache = model.make_cache();
  for (const LayerCache& layer : cache.layers()) {
    if (const auto* kv = std::get_if<KvCache>(&layer)) return kv->type();
  }
  return plan::default_kv;
}

// What `tarn plan` foresees for each test, from the limits measured in this run.
void predict(const Model& model, const Options& options, BenchReport& report) {
  const plan::PlannedModel planned(model.config(), plan::own_weight_format(model.config()),
                                   kv_type(model));
  plan::Device device;
  device.measured = true;
  device.bandwidth = report.bandwidth;
  device.int8 = options.engine.exact ? report.f32_peak : report.int8_peak;
  device.f32 = report.f32_peak;
  device.half = options.engine.exact ? 0 : report.bf16_peak;
  for (BenchRow& row : report.rows) {
    if (row.decode && row.decode->bandwidth.median > 0) {
      device.bandwidth = row.decode->bandwidth.median;
    }
    const auto tokens = static_cast<double>(row.tokens);
    const auto depth = static_cast<double>(row.depth);
    // In the middle of a decode test, two tokens ahead of the clock.
    row.predicted =
        row.decode
            ? row.batch / decode_seconds(planned, device, {}, depth + 2 + tokens / 2, row.batch)
            : tokens / prefill_seconds(planned, device, {}, depth, tokens).value_or(0);
  }
}

void run(const Options& options) {
  const LoadOptions load = apply(options.engine);
  const auto path = model_path(options.model);
  const InterruptScope interrupt;
  BenchReport report;
  Profiles profiles;
  report.model = model_name(path);
  report.unit = "CPU";
  report.isa = cpu::name(cpu::current_isa());
  report.threads = Team::instance().size();
  report.repeats = options.repeats;
  cpu::BandwidthProbe probe(report.threads);
  report.bandwidth_before = probe.measure(probe_seconds).best;

  memory::clear_cache();  // what the probe used is not the model's
  memory::reset_peak();
  const bool resident_known = reset_peak_resident();
  const Clock::time_point start = Clock::now();
  const std::unique_ptr<Model> model = load_model(path, load);
  report.load_seconds = seconds_since(start);
  report.size = model->size();
  const auto bandwidth = [&probe] { return probe.measure(probe_seconds / 4).median; };
  report.rows = run_tests(options, *model, interrupt.flag(), bandwidth, profiles);
  report.peak_pool_bytes = memory::stats().peak;
  report.copied_bytes = memory::stats().copied;
  if (resident_known) {
    const std::optional<uint64_t> peak = peak_resident_bytes();
    if (peak) report.peak_resident_bytes = *peak - std::min(*peak, uint64_t{probe.buffer_bytes});
  }

  report.bandwidth_after = probe.measure(probe_seconds).best;
  report.bandwidth = std::max(report.bandwidth_before, report.bandwidth_after);
  const cpu::ArithmeticPeak peak =
      cpu::measure_arithmetic_peak(cpu::current_isa(), report.threads, arithmetic_seconds);
  report.int8_peak = peak.int8_dot;
  report.f32_peak = peak.f32_fma;
  report.bf16_peak = peak.bf16_dot;
  predict(*model, options, report);
  const std::string text = options.output == "json"  ? json_text(report)
                           : options.output == "csv" ? csv(report)
                                                     : markdown(report);
  fmt::print("{}", text);
  if (options.profile) {
    for (const auto& [test, profile] : profiles) {
      fmt::print("{}", profile_table(test, *profile, report.bandwidth));
    }
  }
  if (!options.trace.empty() && !profiles.empty()) write_trace(options.trace, profiles);
}

}  // namespace

void add_bench(CLI::App& app) {
  auto* command = app.add_subcommand("bench", "Measure speed and memory");
  auto options = std::make_shared<Options>();
  const auto tokens = CLI::Range(int64_t{0}, int64_t{1} << 24);
  command->add_option("model", options->model, "Model folder or name")->required();
  command->add_option("-p,--prompt", options->prompts, "Tokens of the prompt (0: no such test)")
      ->delimiter(',')
      ->check(tokens)
      ->capture_default_str();
  command->add_option("-n,--generate", options->generated, "Tokens to generate (0: no such test)")
      ->delimiter(',')
      ->check(tokens)
      ->capture_default_str();
  command->add_option("-d,--depth", options->depths, "Tokens that the cache holds beforehand")
      ->delimiter(',')
      ->check(tokens)
      ->capture_default_str();
  command
      ->add_option("-b,--batch", options->batches,
                   "Sequences that generate at once and share a pass over the weights")
      ->delimiter(',')
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  command->add_option("-r,--repeats", options->repeats, "Timed runs of each test")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("-o,--output", options->output, "md, json or csv")
      ->check(CLI::IsMember({"md", "json", "csv"}))
      ->capture_default_str();
  command->add_flag("--profile", options->profile,
                    "Time every step of each test, and print where the time went");
  command->add_option("--trace", options->trace,
                      "Write the steps of the last test as a Chrome/Perfetto trace to this file");
  add_engine_options(*command, options->engine);
  command->footer(
      "pp: the prompt is processed in one go; tg: token by token from an empty cache, or behind\n"
      "DEPTH tokens. Tokens are random. Speeds are medians. The limit is the memory bandwidth\n"
      "that the same threads reach in the same run, for tg around each of its runs.\n\n"
      "Example: tarn bench pebble -p 512 -n 128 -d 0,4096 -o md");
  command->callback([options] { run(*options); });
}

}  // namespace tarn::cli
