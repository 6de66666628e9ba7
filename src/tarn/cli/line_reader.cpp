#include "tarn/cli/line_reader.h"

#include <histedit.h>
#include <unistd.h>

#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string_view>
#include <utility>

#include "tarn/cli/interrupt.h"

namespace tarn::cli {
namespace {

constexpr int history_size = 1000;
constexpr std::string_view quotes = "\"\"\"";

}  // namespace

struct LineReader::Edit {
  EditLine* line = nullptr;
  History* history = nullptr;
  HistEvent event{};
  std::filesystem::path file;
  std::string prompt;

  static char* show_prompt(EditLine* line) {
    void* self = nullptr;
    el_get(line, EL_CLIENTDATA, &self);
    return static_cast<Edit*>(self)->prompt.data();
  }
};

LineReader::LineReader(std::filesystem::path file) {
  if (::isatty(STDIN_FILENO) != 1) return;
  std::setlocale(LC_CTYPE, "");  // characters of several bytes
  edit_ = std::make_unique<Edit>();
  edit_->file = std::move(file);
  edit_->history = history_init();
  history(edit_->history, &edit_->event, H_SETSIZE, history_size);
  history(edit_->history, &edit_->event, H_SETUNIQUE, 1);
  history(edit_->history, &edit_->event, H_LOAD, edit_->file.c_str());
  edit_->line = el_init("tarn", stdin, stdout, stderr);
  el_set(edit_->line, EL_CLIENTDATA, edit_.get());
  el_set(edit_->line, EL_PROMPT, &Edit::show_prompt);
  el_set(edit_->line, EL_EDITOR, "emacs");
  el_set(edit_->line, EL_HIST, history, edit_->history);
  el_set(edit_->line, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  el_source(edit_->line, nullptr);  // the user's ~/.editrc
}

LineReader::~LineReader() {
  if (!edit_) return;
  std::error_code none;
  std::filesystem::create_directories(edit_->file.parent_path(), none);
  history(edit_->history, &edit_->event, H_SAVE, edit_->file.c_str());
  el_end(edit_->line);
  history_end(edit_->history);
}

LineReader::Result LineReader::read(const std::string& prompt, std::string& line) {
  const InterruptScope interrupt(false);
  line.clear();
  if (!edit_) {
    if (std::getline(std::cin, line)) return Result::line;
    return interrupt.interrupted() ? Result::interrupted : Result::end;
  }
  edit_->prompt = prompt;
  int count = 0;
  const char* text = el_gets(edit_->line, &count);
  if (text == nullptr || count <= 0) {
    std::fputs("\n", stdout);
    if (!interrupt.interrupted()) return Result::end;
    el_reset(edit_->line);
    return Result::interrupted;
  }
  line.assign(text, static_cast<size_t>(count));
  while (line.ends_with('\n') || line.ends_with('\r')) line.pop_back();
  if (line.find_first_not_of(" \t") != std::string::npos) {
    history(edit_->history, &edit_->event, H_ENTER, line.c_str());
  }
  return Result::line;
}

LineReader::Result read_message(LineReader& reader, std::string& message) {
  message.clear();
  std::string line;
  LineReader::Result result = reader.read("> ", line);
  if (result != LineReader::Result::line) return result;
  if (line.starts_with(quotes)) {
    line.erase(0, quotes.size());
    // The end of the input ends the message too.
    while (true) {
      const size_t end = line.find(quotes);
      message += line.substr(0, end);
      if (end != std::string::npos) return LineReader::Result::line;
      result = reader.read(". ", line);
      if (result == LineReader::Result::interrupted) return result;
      if (result == LineReader::Result::end) return LineReader::Result::line;
      if (!message.empty()) message += '\n';
    }
  }
  while (line.ends_with('\\')) {
    line.back() = '\n';
    message += line;
    result = reader.read(". ", line);
    if (result == LineReader::Result::interrupted) return result;
    if (result == LineReader::Result::end) return LineReader::Result::line;
  }
  message += line;
  return LineReader::Result::line;
}

std::filesystem::path state_file(const std::string& name) {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  const std::filesystem::path folder =
      state != nullptr && *state == '/' ? std::filesystem::path(state)
      : home != nullptr                 ? std::filesystem::path(home) / ".local" / "state"
                                        : std::filesystem::temp_directory_path();
  return folder / "tarn" / name;
}

}  // namespace tarn::cli
