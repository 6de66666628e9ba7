// GBNF, the grammar language of llama.cpp.
#pragma once

#include <string_view>

#include "tarn/text/grammar/expressions.h"

namespace tarn::text::grammar {

// Adds the rules of `text` and returns the one named `root`.
Rule add_gbnf(std::string_view text, std::string_view root, Expressions& expressions);

}  // namespace tarn::text::grammar
