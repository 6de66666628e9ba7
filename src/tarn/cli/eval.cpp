// tarn eval: perplexity on a text, questions with known answers, distance from another model.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <map>
#include <memory>
#include <sstream>

#include "tarn/base/error.h"
#include "tarn/base/file.h"
#include "tarn/base/json.h"
#include "tarn/base/progress.h"
#include "tarn/cli/commands.h"
#include "tarn/cli/eval_kl.h"
#include "tarn/cli/interrupt.h"
#include "tarn/cli/options.h"
#include "tarn/lm/evaluate.h"
#include "tarn/lm/model_path.h"

namespace tarn::cli {
namespace {

struct PerplexityOptions {
  std::string model;
  std::string text;
  int64_t window = 1024;
  bool json = false;
  EngineOptions engine;
};

// For each token, the byte of the text behind its last character. Offsets count code points.
std::vector<size_t> byte_ends(std::string_view text, const text::Encoding& encoding) {
  std::vector<size_t> starts;  // of each code point
  for (size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0U) != 0x80U) starts.push_back(i);
  }
  starts.push_back(text.size());
  std::vector<size_t> ends;
  for (const auto& [begin, end] : encoding.offsets) {
    ends.push_back(starts[std::min<size_t>(end, starts.size() - 1)]);
  }
  return ends;
}

void perplexity(const PerplexityOptions& options) {
  const LoadOptions load = apply(options.engine);
  const std::string text = read_file(options.text);
  const LoadedModel model(model_path(options.model), load);
  const text::Encoding encoding = model.tokenizer().encode(text, false);
  const InterruptScope interrupt;
  const std::vector<double> losses =
      window_losses(model.model(), encoding.ids, options.window, &interrupt.flag());
  const std::vector<size_t> ends = byte_ends(text, encoding);
  double total = 0, squares = 0;
  size_t predicted = 0;
  size_t bytes = 0;  // of the predicted tokens
  for (size_t i = 0; i < losses.size(); ++i) {
    if (std::isnan(losses[i])) continue;
    total += losses[i];
    squares += losses[i] * losses[i];
    ++predicted;
    bytes += ends[i] - std::min(ends[i], ends[i - 1]);
  }
  if (predicted == 0) {
    fail(ErrorCode::invalid_argument,
         "{}: it has {} tokens, and at least 2 are needed to predict one; use a longer text",
         options.text, encoding.size());
  }
  const double per_token = std::exp(total / static_cast<double>(predicted));
  // Of the mean loss, tokens taken as independent; of the perplexity to first order.
  const double mean = total / static_cast<double>(predicted);
  const double variance = std::max(0.0, squares / static_cast<double>(predicted) - mean * mean);
  const double error = per_token * std::sqrt(variance / static_cast<double>(predicted));
  const double per_byte = std::exp(total / static_cast<double>(bytes));
  if (options.json) {
    const json out{{"tokens", encoding.size()},
                   {"predicted", predicted},
                   {"bytes", bytes},
                   {"nll", total},
                   {"ppl", per_token},
                   {"ppl_error", error},
                   {"ppl_byte", per_byte}};
    fmt::print("{}\n", out.dump());
    return;
  }
  fmt::print("perplexity {:.4f} +- {:.4f} a token, {:.5f} a byte ({:.5f} bits a byte)\n", per_token,
             error, per_byte, std::log2(per_byte));
  fmt::print("{} tokens, {} predicted, {} bytes, windows of {}\n", encoding.size(), predicted,
             bytes, options.window);
}

struct TaskOptions {
  std::string model;
  std::string file;
  std::string out;
  bool json = false;
  EngineOptions engine;
};

struct Task {
  std::string prompt;
  std::string expected;
  std::string category;
  int64_t max_new_tokens;
};

std::vector<Task> read_tasks(const std::string& path) {
  std::vector<Task> tasks;
  std::istringstream lines(read_file(path));
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const std::string source = fmt::format("{}:{}", path, number);
    const json entry = parse_json(line, source);
    const auto text = [&](const char* key) {
      const auto found = entry.find(key);
      if (found == entry.end() || !found->is_string()) {
        fail(ErrorCode::corrupt,
             "{}: \"{}\" is missing or no string; every line needs \"prompt\" "
             "and \"expected\"",
             source, key);
      }
      return found->get<std::string>();
    };
    if (!entry.is_object()) {
      fail(ErrorCode::corrupt, "{}: it is no JSON object; every line must be one", source);
    }
    const auto most = entry.find("max_new_tokens");
    const auto category = entry.find("category");
    tasks.push_back(
        {text("prompt"), text("expected"),
         category != entry.end() && category->is_string() ? category->get<std::string>()
                                                          : std::string("all"),
         most != entry.end() && most->is_number_integer() ? most->get<int64_t>() : 192});
  }
  if (tasks.empty()) {
    fail(ErrorCode::invalid_argument, "{}: it has no tasks; give a file of JSON lines", path);
  }
  return tasks;
}

struct Count {
  int correct = 0;
  int total = 0;
};

void run_tasks(const TaskOptions& options) {
  const LoadOptions load = apply(options.engine);
  const std::vector<Task> tasks = read_tasks(options.file);
  const LoadedModel model(model_path(options.model), load);
  const InterruptScope interrupt;
  Progress progress("eval", tasks.size(), "tasks");
  std::map<std::string, Count> categories;
  Count all;
  std::string outputs;
  for (const Task& task : tasks) {
    GenerateOptions generation;
    generation.max_tokens = task.max_new_tokens;
    generation.end_tokens = model.end_tokens();
    generation.cancel = &interrupt.flag();
    DecodedText text(model.tokenizer());
    generation.text = &text;
    Cache cache = model.model().make_cache();
    const Generated result = generate(model.model(), cache,
                                      model.tokenizer().encode(task.prompt, false).ids, generation);
    if (result.finish_reason == FinishReason::cancelled) {
      fail(ErrorCode::cancelled,
           "eval: it was interrupted after {} of {} tasks; run it again for a "
           "result",
           all.total, tasks.size());
    }
    const bool correct = final_answer(result.text) == task.expected;
    for (Count* count : {&all, &categories[task.category]}) {
      count->correct += correct ? 1 : 0;
      ++count->total;
    }
    if (!options.out.empty()) {
      const json line{{"ok", correct}, {"output", result.text}, {"expected", task.expected}};
      outputs += line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
    }
    progress.add(1);
  }
  if (!options.out.empty()) write_file(options.out, outputs);
  if (options.json) {
    json by_category = json::object();
    for (const auto& [category, count] : categories) {
      by_category[category] = {{"correct", count.correct}, {"total", count.total}};
    }
    const json out{{"correct", all.correct}, {"total", all.total}, {"by_category", by_category}};
    fmt::print("{}\n", out.dump());
    return;
  }
  for (const auto& [category, count] : categories) {
    fmt::print("{:<20} {:>4}/{}\n", category, count.correct, count.total);
  }
  fmt::print("{:<20} {:>4}/{}  {:.1f} %\n", "all", all.correct, all.total,
             100.0 * all.correct / all.total);
}

}  // namespace

void add_eval(CLI::App& app) {
  auto* command = app.add_subcommand("eval", "Measure a model's quality");
  command->require_subcommand(1);
  {
    auto* ppl = command->add_subcommand("ppl", "Perplexity on a text");
    auto options = std::make_shared<PerplexityOptions>();
    ppl->add_option("model", options->model, "Model folder or name")->required();
    ppl->add_option("--text", options->text, "UTF-8 text file")->required();
    ppl->add_option("--window", options->window, "Tokens a window")->capture_default_str();
    ppl->add_flag("--json", options->json,
                  R"(Print {"tokens","predicted","bytes","nll","ppl","ppl_error","ppl_byte"})");
    options->engine.default_kv_type = KvType::f32;
    add_engine_options(*ppl, options->engine);
    ppl->footer(
        "The text is tokenized once, without tokens added around it, and cut into consecutive\n"
        "windows; each is run from an empty state and its first token is not predicted.\n"
        "Per byte: over the bytes of the predicted tokens.\n\n"
        "Example: tarn eval ppl pebble --text book.txt --window 1024 --json");
    ppl->callback([options] { perplexity(*options); });
  }
  add_eval_kl(*command);
  {
    auto* tasks = command->add_subcommand("tasks", "Questions with known answers");
    auto options = std::make_shared<TaskOptions>();
    tasks->add_option("model", options->model, "Model folder or name")->required();
    tasks
        ->add_option("--file", options->file,
                     "JSON lines with \"prompt\" (rendered) and \"expected\", and if need be "
                     "\"category\" and \"max_new_tokens\" (192)")
        ->required();
    tasks->add_option("--out", options->out, "Write each answer as a JSON line to this file");
    tasks->add_flag("--json", options->json, R"(Print {"correct","total","by_category"})");
    options->engine.default_kv_type = KvType::f32;
    add_engine_options(*tasks, options->engine);
    tasks->footer(
        "Greedy. The answer is what follows </think>, without white space around it, and counts\n"
        "when it equals \"expected\" exactly.\n\n"
        "Example: tarn eval tasks pebble --file eval.jsonl --json");
    tasks->callback([options] { run_tasks(*options); });
  }
}

}  // namespace tarn::cli
