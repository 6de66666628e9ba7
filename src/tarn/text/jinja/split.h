// Cutting text as Python's str does. The parts point into the text. `most` < 0: no limit.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tarn/text/jinja/heap.h"

namespace tarn::text::jinja {

std::vector<std::string_view> split_spaces(std::string_view text, int64_t most);
std::vector<std::string_view> split_spaces_right(std::string_view text, int64_t most);
// `separator` is not empty.
std::vector<std::string_view> split_text(std::string_view text, std::string_view separator,
                                         int64_t most);
std::vector<std::string_view> split_text_right(std::string_view text, std::string_view separator,
                                               int64_t most);
std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends);

std::string replaced(Heap& heap, std::string_view text, std::string_view from, std::string_view to,
                     int64_t most);

}  // namespace tarn::text::jinja
