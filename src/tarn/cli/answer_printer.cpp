#include "tarn/cli/answer_printer.h"

#include <unistd.h>

#include <cstdio>

namespace tarn::cli {

AnswerPrinter::AnswerPrinter(bool show_reasoning)
    : terminal_(::isatty(STDOUT_FILENO) == 1), show_reasoning_(show_reasoning) {}

void AnswerPrinter::show(std::string_view text, bool reasoning) {
  if (reasoning && !show_reasoning_) return;
  if (reasoning && !in_reasoning_) write(terminal_ ? "\x1b[2m" : "<think>\n");
  if (!reasoning && in_reasoning_) write(terminal_ ? "\x1b[0m\n\n" : "\n</think>\n\n");
  in_reasoning_ = reasoning;
  write(text);
  at_line_start_ = text.ends_with('\n');
  std::fflush(stdout);
}

void AnswerPrinter::finish() {
  if (in_reasoning_) write(terminal_ ? "\x1b[0m" : "\n</think>");
  if (!at_line_start_ || in_reasoning_) write("\n");
  in_reasoning_ = false;
  at_line_start_ = true;
  std::fflush(stdout);
}

void AnswerPrinter::write(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

}  // namespace tarn::cli
