// Regular expressions in Oniguruma's dialect, matched with PCRE2's just-in-time compiler.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tarn/text/aligned_text.h"

namespace tarn::text {

// A compiled pattern; immutable, safe to share between threads.
class Regex {
 public:
  // `where` names the pattern in errors: one that does not compile is corrupt.
  Regex(std::string_view pattern, std::string_view where);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

 private:
  friend class RegexSearch;
  struct State;
  std::unique_ptr<State> state_;
};

// Finds a pattern's matches, one text after another. Belongs to one thread.
class RegexSearch {
 public:
  explicit RegexSearch(const Regex& regex);
  ~RegexSearch();
  RegexSearch(const RegexSearch&) = delete;
  RegexSearch& operator=(const RegexSearch&) = delete;

  // Starts over on `text`, valid UTF-8 that must outlive the search.
  void reset(std::string_view text);
  // The next match that does not overlap the last one; an empty match right behind the last one is
  // passed over. Fails when matching takes more steps than the limit allows.
  bool next(Span& match);

 private:
  const Regex::State& regex_;
  void* match_data_;
  std::string_view text_;
  size_t pos_ = 0;
  size_t last_end_ = std::string_view::npos;
};

}  // namespace tarn::text
