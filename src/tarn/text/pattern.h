// What splits and replacements look for: a regular expression, a literal or a class of characters.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tarn/base/json.h"
#include "tarn/text/aligned_text.h"
#include "tarn/text/regex.h"

namespace tarn::text {

// A part of a text, cut at matches.
struct Cut {
  Span range;
  bool is_match = false;
};

// Walks texts; holds what can be reused from one text to the next. Belongs to one thread.
class PatternSearch {
 public:
  virtual ~PatternSearch() = default;
  // Fills `cuts` with parts that cover `text` in order. A match may be empty, other parts are not.
  virtual void cut(std::string_view text, std::vector<Cut>& cuts) = 0;
};

// Immutable, safe to share between threads.
class Pattern {
 public:
  virtual ~Pattern() = default;
  virtual std::unique_ptr<PatternSearch> search() const = 0;

  static std::unique_ptr<Pattern> regex(std::string_view pattern, std::string_view where);
  static std::unique_ptr<Pattern> literal(std::string text);         // not empty
  static std::unique_ptr<Pattern> chars(bool (*belongs)(char32_t));  // each its own match
  // {"String": "..."} or {"Regex": "..."}; the empty string matches between all characters.
  static std::unique_ptr<Pattern> from_json(const json& value, std::string_view where);
};

// What becomes of a match when a text is split.
enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

SplitBehavior split_behavior(std::string_view name, std::string_view where);

// Turns `cuts` into the parts that remain, in order.
void split_cuts(const std::vector<Cut>& cuts, SplitBehavior behavior, std::vector<Span>& parts);

}  // namespace tarn::text
