// tarn template: render a chat template for each conversation on stdin.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>

#include "tarn/base/error.h"
#include "tarn/base/file.h"
#include "tarn/base/json.h"
#include "tarn/cli/commands.h"
#include "tarn/text/chat_template.h"

namespace tarn::cli {
namespace {

struct Options {
  std::string file;
  bool jsonl = false;
};

std::chrono::local_seconds parse_time(const std::string& text, const std::string& source) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  const int read = std::sscanf(text.c_str(), "%4d-%2u-%2uT%2d:%2d:%2d", &year, &month, &day, &hour,
                               &minute, &second);
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if ((read != 3 && read < 5) || !date.ok() || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
      second < 0 || second > 59) {
    fail(ErrorCode::invalid_argument,
         "{}: \"now\" is \"{}\", which is no time: write it as 2026-01-15T12:00:00", source, text);
  }
  return std::chrono::local_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

// One line of input: its fields, with their types checked.
class Request {
 public:
  Request(const std::string& line, std::string source)
      : source_(std::move(source)), document_(parse_ordered_json(line, source_, kDepth)) {
    if (!document_.is_object()) {
      fail(ErrorCode::invalid_argument, "{}: not a JSON object: write {{\"messages\": [...]}}",
           source_);
    }
    for (const auto& [key, value] : document_.items()) {
      if (std::find(std::begin(kFields), std::end(kFields), key) == std::end(kFields)) {
        fail(ErrorCode::invalid_argument,
             "{}: unknown field \"{}\": pass template variables in \"kwargs\"", source_, key);
      }
    }
  }

  text::ChatInputs inputs() const {
    text::ChatInputs inputs;
    inputs.messages = field("messages", &ordered_json::is_array, "an array");
    inputs.tools = field("tools", &ordered_json::is_array, "an array");
    inputs.documents = field("documents", &ordered_json::is_array, "an array");
    inputs.variables = field("variables", &ordered_json::is_object, "an object");
    inputs.kwargs = field("kwargs", &ordered_json::is_object, "an object");
    const auto* generate = field("add_generation_prompt", &ordered_json::is_boolean, "a boolean");
    inputs.add_generation_prompt = generate && generate->get<bool>();
    const auto* now = field("now", &ordered_json::is_string, "a string");
    if (now) inputs.now = parse_time(now->get<std::string>(), source_);
    return inputs;
  }

 private:
  static constexpr int kDepth = 150;  // of the input's JSON
  static constexpr const char* kFields[] = {
      "messages", "tools", "documents", "add_generation_prompt", "variables", "kwargs", "now"};

  const ordered_json* field(const char* name, bool (ordered_json::*has_type)() const noexcept,
                            const char* type) const {
    const auto found = document_.find(name);
    if (found == document_.end() || found->is_null()) return nullptr;
    if (!((*found).*has_type)()) {
      fail(ErrorCode::invalid_argument, "{}: \"{}\" must be {}", source_, name, type);
    }
    return &*found;
  }

  std::string source_;
  ordered_json document_;
};

void run(const Options& options) {
  const std::string source = read_file(options.file, uint64_t{64} << 20);
  std::optional<text::ChatTemplate> chat_template;
  ordered_json broken;  // the answer to every line when the template itself does not parse
  try {
    chat_template.emplace(source, options.file);
  } catch (const text::TemplateError& error) {
    broken = {{"error", error.what()}, {"raised", false}};
  }
  std::string line;
  for (size_t number = 1; std::getline(std::cin, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const Request request(line, fmt::format("stdin line {}", number));
    const text::ChatInputs inputs = request.inputs();
    ordered_json answer = broken;
    if (chat_template) {
      try {
        answer = {{"text", chat_template->render(inputs)}};
      } catch (const text::TemplateError& error) {
        answer = {{"error", error.what()}, {"raised", error.raised()}};
      }
    }
    // ASCII only: U+2028 and U+0085 in a text would be line ends to some readers of lines.
    fmt::print("{}\n", answer.dump(-1, ' ', true));
    std::fflush(stdout);
  }
}

}  // namespace

void add_template(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "template", "Render a chat template for conversations on stdin, one JSON object a line");
  command->add_option("file", options->file, "the template (Jinja)")->required();
  command->add_flag("--jsonl", options->jsonl, "read and write one JSON document a line")
      ->required();
  command->callback([options] { run(*options); });
}

}  // namespace tarn::cli
