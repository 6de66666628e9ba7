// Options that several subcommands share, under one name and meaning everywhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tarn/lm/loaded_model.h"

namespace CLI {
class App;
}

namespace tarn::cli {

// How the work is done: --threads, --isa, --exact, --kv-type, --memory-limit.
struct EngineOptions {
  int threads = 0;  // 0: one a physical core
  std::string isa;
  bool exact = false;
  std::string kv_type;
  std::string memory_limit;
};
void add_engine_options(CLI::App& command, EngineOptions& options);
// Before anything is computed. Wrong values are usage errors.
LoadOptions apply(const EngineOptions& options);

// What is generated. Absent: the command's or the model's own default.
struct SamplingOptions {
  std::optional<int64_t> max_tokens;
  std::optional<float> temperature;
  std::optional<int64_t> top_k;
  std::optional<float> top_p;
  std::optional<float> min_p;
  std::optional<float> repetition_penalty;
  std::optional<int64_t> repetition_last_n;
  std::optional<float> frequency_penalty;
  std::optional<float> presence_penalty;
  std::vector<std::string> logit_bias;  // "ID:VALUE"
  std::optional<uint64_t> seed;
  std::vector<std::string> stop;
  std::optional<int64_t> context_limit;
};
void add_sampling_options(CLI::App& command, SamplingOptions& options);

// Greedy, and what was asked for. Wrong values are usage errors; so in the next.
GenerateOptions generate_options(const SamplingOptions& options);
// What the model's generation_config.json suggests, and on top of it what was asked for. Without a
// seed a random one is drawn.
GenerateOptions generate_options(const SamplingOptions& options, const GenerationConfig& defaults);

// "1,2,3" (spaces allowed) as ids; a usage error that names `option` otherwise.
std::vector<int32_t> parse_tokens(const std::string& text, const char* option);
// "f32", "bf16", "int8", "int4".
KvType kv_type_option(const std::string& text, const char* option);
// "512M", "12G", "1.5GiB", plain bytes.
size_t parse_bytes(const std::string& text, const char* option);

// Ends the program with exit code 2: `tarn: OPTION: message`.
[[noreturn]] void usage_error(const std::string& option, const std::string& message);

}  // namespace tarn::cli
