// Breaking a line of words into lines of a width, as Python's textwrap does it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tarn::text::jinja {

struct WrapOptions {
  size_t width;
  bool break_long_words;
  bool break_on_hyphens;
};

std::vector<std::string> wrap_line(std::string_view line, const WrapOptions& options);

}  // namespace tarn::text::jinja
