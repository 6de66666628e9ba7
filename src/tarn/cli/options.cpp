#include "tarn/cli/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <limits>
#include <random>

#include "tarn/base/error.h"
#include "tarn/base/team.h"
#include "tarn/cpu/isa/isa.h"
#include "tarn/memory/pool.h"

namespace tarn::cli {
namespace {

template <typename T>
bool parse_number(std::string_view text, T& value) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end && !text.empty();
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\n") - first + 1);
}

void set_biases(const std::vector<std::string>& biases, SamplerOptions& sampler) {
  for (const std::string& bias : biases) {
    const size_t colon = bias.find(':');
    int32_t token = 0;
    float value = 0;
    if (colon == std::string::npos ||
        !parse_number(std::string_view(bias).substr(0, colon), token) ||
        !parse_number(std::string_view(bias).substr(colon + 1), value)) {
      usage_error("--logit-bias",
                  fmt::format("\"{}\" is not ID:VALUE, as in 42:-5 or 42:-inf", bias));
    }
    sampler.logit_bias[token] = value;
  }
}

// Everything but the vocabulary's size is known before a model is loaded.
void check(const GenerateOptions& options) {
  try {
    validate(options.sampler, std::numeric_limits<int32_t>::max());
  } catch (const Error& error) {
    const std::string message = error.what();
    const size_t colon = message.find(": ");
    std::string option = "--" + message.substr(0, colon);
    for (char& c : option) c = c == '_' ? '-' : c;
    usage_error(option, message.substr(colon + 2));
  }
}

void override(const SamplingOptions& options, GenerateOptions& result) {
  SamplerOptions& sampler = result.sampler;
  const auto set = [](const auto& from, auto& to) {
    if (from) to = *from;
  };
  set(options.max_tokens, result.max_tokens);
  set(options.temperature, sampler.temperature);
  set(options.top_k, sampler.top_k);
  set(options.top_p, sampler.top_p);
  set(options.min_p, sampler.min_p);
  set(options.repetition_penalty, sampler.repetition_penalty);
  set(options.repetition_last_n, sampler.penalty_last_n);
  set(options.frequency_penalty, sampler.frequency_penalty);
  set(options.presence_penalty, sampler.presence_penalty);
  set(options.seed, sampler.seed);
  set(options.context_limit, result.context_limit);
  set_biases(options.logit_bias, sampler);
  result.stop = options.stop;
  check(result);
}

}  // namespace

void usage_error(const std::string& option, const std::string& message) {
  throw CLI::ValidationError(option, message);
}

void add_engine_options(CLI::App& command, EngineOptions& options) {
  const char* group = "Engine";
  command.add_option("-t,--threads", options.threads, "Threads (default: one a physical core)")
      ->check(CLI::Range(1, 1024))
      ->group(group);
  command.add_option("--isa", options.isa, "Instruction set: " + cpu::isa_names())->group(group);
  command
      .add_flag(
          "--exact", options.exact,
          "Float activations instead of 8-bit or bf16 ones, and caches of f32 unless --kv-type "
          "says otherwise: slower, for verification")
      ->group(group);
  command
      .add_option("--kv-type", options.kv_type,
                  fmt::format("How keys and values are kept: f32, bf16, int8 or int4 (default: {})",
                              name(options.default_kv_type)))
      ->group(group);
  command
      .add_option("--memory-limit", options.memory_limit,
                  "Refuse to use more memory than this: 512M, 12G")
      ->group(group);
}

LoadOptions apply(const EngineOptions& options) {
  if (options.threads > 0) Team::set_size(options.threads);
  if (!options.isa.empty()) {
    try {
      cpu::set_isa(cpu::parse_isa(options.isa));
    } catch (const Error& error) {
      usage_error("--isa", error.what());
    }
  }
  if (!options.memory_limit.empty()) {
    memory::set_limit(parse_bytes(options.memory_limit, "--memory-limit"));
  }
  LoadOptions load;
  load.exact = options.exact;
  if (!options.kv_type.empty()) {
    load.kv_type = kv_type_option(options.kv_type, "--kv-type");
  } else if (!options.exact) {
    load.kv_type = options.default_kv_type;
  }
  return load;
}

void add_sampling_options(CLI::App& command, SamplingOptions& options) {
  const char* group = "Generation";
  const auto add = [&](const char* name, auto& value, const char* text) {
    command.add_option(name, value, text)->group(group);
  };
  command.add_option("-n,--max-tokens", options.max_tokens, "Most tokens of an answer")
      ->check(CLI::Range(int64_t{1}, std::numeric_limits<int64_t>::max()))
      ->group(group);
  add("--temperature", options.temperature, "0: always the likeliest token; 1: as the model says");
  add("--top-k", options.top_k, "Choose among the K likeliest (0: all)");
  add("--top-p", options.top_p, "Choose among the likeliest that together have this probability");
  add("--min-p", options.min_p, "Leave out what is less likely than this part of the likeliest");
  add("--repetition-penalty", options.repetition_penalty,
      "Above 1: tokens of prompt and answer become less likely");
  add("--repetition-last-n", options.repetition_last_n,
      "How many of the last tokens the penalties see (0: all)");
  add("--frequency-penalty", options.frequency_penalty,
      "Subtracted for each time that the answer holds a token");
  add("--presence-penalty", options.presence_penalty,
      "Subtracted once if the answer holds a token");
  add("--logit-bias", options.logit_bias, "ID:VALUE, added to a token's logit (repeatable)");
  add("--seed", options.seed, "Of the random choices: the same seed gives the same answer");
  add("--stop", options.stop, "Text that ends the answer (repeatable)");
  command
      .add_option("--context", options.context_limit,
                  "Most tokens of prompt and answer together (default: the model's)")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 31))
      ->group(group);
}

GenerateOptions generate_options(const SamplingOptions& options) {
  GenerateOptions result;
  override(options, result);
  return result;
}

GenerateOptions generate_options(const SamplingOptions& options, const GenerationConfig& defaults) {
  GenerateOptions result = suggested_options(defaults);
  override(options, result);
  return result;
}

std::vector<int32_t> parse_tokens(const std::string& text, const char* option) {
  std::vector<int32_t> tokens;
  std::string_view rest = text;
  while (true) {
    const size_t comma = std::min(rest.find(','), rest.size());
    int32_t token = 0;
    if (!parse_number(trimmed(rest.substr(0, comma)), token)) {
      usage_error(option, fmt::format("\"{}\" is not a list of token ids, as in 1,2,3", text));
    }
    tokens.push_back(token);
    if (comma == rest.size()) return tokens;
    rest.remove_prefix(comma + 1);
  }
}

KvType kv_type_option(const std::string& text, const char* option) {
  try {
    return parse_kv_type(text);
  } catch (const Error& error) {
    usage_error(option, error.what());
  }
}

size_t parse_bytes(const std::string& text, const char* option) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  std::string unit(stop, end);
  for (char& c : unit) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (unit.ends_with("IB")) unit.resize(unit.size() - 2);
  if (unit.size() == 2 && unit[1] == 'B') unit.resize(1);
  const size_t power = std::string_view("KMGT").find(unit.empty() ? '?' : unit[0]);
  const bool known =
      unit.empty() || unit == "B" || (unit.size() == 1 && power != std::string::npos);
  const double bytes =
      std::ldexp(value, unit.empty() || unit == "B" ? 0 : 10 * (static_cast<int>(power) + 1));
  if (error != std::errc() || !known || !(bytes >= 1 && bytes < 0x1p62)) {
    usage_error(option, fmt::format("\"{}\" is not an amount of memory, as in 512M or 12G", text));
  }
  return static_cast<size_t>(bytes);
}

}  // namespace tarn::cli
