#include "tarn/cli/chat_commands.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <sstream>
#include <utility>

#include "tarn/base/error.h"
#include "tarn/base/file.h"
#include "tarn/base/json.h"

namespace tarn::cli {
namespace {

constexpr const char* help_text = R"(/help            this text
/system [TEXT]   set the system message; without TEXT show it; "/system -" removes it
/clear           forget the conversation, keep the system message
/save FILE       write the conversation to a JSON file
/load FILE       go on with a saved conversation
/set [NAME V]    change a setting (temperature, top-k, top-p, min-p, max-tokens, seed, think on|off,
                 repetition-penalty, frequency-penalty, presence-penalty); "default" as V resets it
/stats           speed and memory of the last answer
/exit            leave (as does Ctrl-D)

A line that ends in \ goes on in the next; a message of many lines stands between lines of """.
Ctrl-C stops an answer.
)";

std::pair<std::string, std::string> split_word(std::string_view line) {
  const size_t space = std::min(line.find(' '), line.size());
  const size_t rest = std::min(line.find_first_not_of(' ', space), line.size());
  std::string tail(line.substr(rest));
  while (tail.ends_with(' ')) tail.pop_back();
  return {std::string(line.substr(0, space)), std::move(tail)};
}

std::string need(const std::string& command, const std::string& argument, const char* what) {
  if (argument.empty()) fail(ErrorCode::invalid_argument, "{}: give {} behind it", command, what);
  return argument;
}

template <typename T>
void set_number(const std::string& name, const std::string& value, std::optional<T>& option) {
  if (value == "default") {
    option.reset();
    return;
  }
  std::istringstream in(value);
  T number{};
  if (!(in >> number) || !in.eof()) {
    fail(ErrorCode::invalid_argument, "/set {}: \"{}\" is not a number of its kind", name, value);
  }
  option = number;
}

// On a copy, so that a wrong value changes nothing.
SamplingOptions changed(SamplingOptions options, const std::string& name,
                        const std::string& value) {
  if (name == "temperature") {
    set_number(name, value, options.temperature);
  } else if (name == "top-k") {
    set_number(name, value, options.top_k);
  } else if (name == "top-p") {
    set_number(name, value, options.top_p);
  } else if (name == "min-p") {
    set_number(name, value, options.min_p);
  } else if (name == "max-tokens") {
    set_number(name, value, options.max_tokens);
  } else if (name == "seed") {
    set_number(name, value, options.seed);
  } else if (name == "repetition-penalty") {
    set_number(name, value, options.repetition_penalty);
  } else if (name == "frequency-penalty") {
    set_number(name, value, options.frequency_penalty);
  } else if (name == "presence-penalty") {
    set_number(name, value, options.presence_penalty);
  } else {
    fail(ErrorCode::invalid_argument, "/set {}: there is no such setting; /help lists them", name);
  }
  generate_options(options);  // checks the value
  return options;
}

void set(const std::string& argument, ChatState& state) {
  auto [name, value] = split_word(argument);
  for (char& c : name) c = c == '_' ? '-' : c;
  if (name.empty()) {
    const auto show = [](const char* option, const auto& setting) {
      fmt::print("{:<20} {}\n", option, setting ? fmt::format("{}", *setting) : "default");
    };
    show("temperature", state.sampling.temperature);
    show("top-k", state.sampling.top_k);
    show("top-p", state.sampling.top_p);
    show("min-p", state.sampling.min_p);
    show("max-tokens", state.sampling.max_tokens);
    show("seed", state.sampling.seed);
    show("repetition-penalty", state.sampling.repetition_penalty);
    show("frequency-penalty", state.sampling.frequency_penalty);
    show("presence-penalty", state.sampling.presence_penalty);
    return;
  }
  need("/set " + name, value, "a value");
  if (name != "think") {
    state.sampling = changed(state.sampling, name, value);
    return;
  }
  if (value != "on" && value != "off" && value != "default") {
    fail(ErrorCode::invalid_argument, "/set think: \"{}\" is neither on, off nor default", value);
  }
  state.session.set_thinking(value == "default" ? std::nullopt : std::optional(value == "on"));
}

void system_message(const std::string& argument, Session& session) {
  if (argument.empty()) {
    fmt::print("{}\n", session.system().empty() ? "(none)" : session.system());
    return;
  }
  session.set_system(argument == "-" ? "" : argument);
}

void dispatch_command(const std::string& command, const std::string& argument, ChatState& state) {
  if (command == "/help") {
    fmt::print("{}", help_text);
  } else if (command == "/system") {
    system_message(argument, state.session);
  } else if (command == "/clear") {
    state.session.clear();
  } else if (command == "/save") {
    const std::string file = need(command, argument, "a file name");
    write_file(
        file, state.session.messages().dump(2, ' ', false, ordered_json::error_handler_t::replace) +
                  "\n");
    fmt::print("{} messages in {}\n", state.session.messages().size(), file);
  } else if (command == "/load") {
    const std::string file = need(command, argument, "a file name");
    state.session.set_messages(parse_ordered_json(read_file(file), file), file);
    fmt::print("{} messages from {}\n", state.session.messages().size(), file);
  } else if (command == "/set") {
    set(argument, state);
  } else if (command == "/stats") {
    fmt::print("{}\n", state.last_stats.empty() ? "no answer yet" : state.last_stats);
  } else if (command == "/exit" || command == "/quit") {
    state.finished = true;
  } else {
    fail(ErrorCode::invalid_argument, "{}: there is no such command; /help lists them", command);
  }
}

}  // namespace

void chat_command(std::string_view line, ChatState& state) {
  const auto [command, argument] = split_word(line);
  try {
    dispatch_command(command, argument, state);
  } catch (const CLI::Error& error) {
    // A setting that would be a usage error on the command line.
    throw Error(ErrorCode::invalid_argument, error.what());
  }
}

}  // namespace tarn::cli
