// Regular expressions as rules of a grammar.
#pragma once

#include <functional>
#include <string_view>

#include "tarn/text/grammar/char_dfa.h"
#include "tarn/text/grammar/expressions.h"
#include "tarn/text/grammar/regex_tree.h"

namespace tarn::text::grammar {

// How a character of a set is written: as itself, or as JSON strings write it.
using WriteChars = std::function<Expr(const CharSet&)>;

// The texts that the whole expression matches.
Expr whole_match(std::string_view pattern, Expressions& out);
// The same, or (`search`) the texts in which it finds a match, of characters written by `write`.
// Repetitions are counted where they are large; anchors within the expression are understood.
Expr regex_expr(const RegexNode& regex, bool search, const WriteChars& write, Expressions& out);
Expr dfa_expr(const CharDfa& dfa, const WriteChars& write, Expressions& out);

}  // namespace tarn::text::grammar
