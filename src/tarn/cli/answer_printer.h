// Streams an answer to stdout: reasoning dimmed on a terminal, between its tags in a pipe.
#pragma once

#include <string_view>

namespace tarn::cli {

class AnswerPrinter {
 public:
  explicit AnswerPrinter(bool show_reasoning = true);
  void show(std::string_view text, bool reasoning);
  void finish();  // ends the line

 private:
  void write(std::string_view text);
  bool terminal_;
  bool show_reasoning_;
  bool in_reasoning_ = false;
  bool at_line_start_ = true;
};

}  // namespace tarn::cli
