// Tokens found in the text itself, before the model sees it: control tokens and user additions.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "tarn/base/json.h"
#include "tarn/text/aligned_text.h"
#include "tarn/text/model.h"
#include "tarn/text/normalizer.h"

namespace tarn::text {

struct AddedToken {
  std::string content;
  std::string decoded;  // what its id stands for: the content, normalized if `normalized` says so
  int32_t id = -1;
  bool single_word = false;  // only between characters that are not of words
  bool lstrip = false;       // takes the white space on its left
  bool rstrip = false;       // takes the white space on its right
  bool normalized = true;    // is searched in normalized text, in its normalized form
  bool special = false;      // can be left out when decoding
};

// Finds the leftmost, then longest, of many strings.
class StringMatcher {
 public:
  StringMatcher();
  explicit StringMatcher(const std::vector<std::string>& patterns);  // empty ones never match
  ~StringMatcher();
  StringMatcher(StringMatcher&&) noexcept;
  StringMatcher& operator=(StringMatcher&&) noexcept;

  struct Match {
    Span range;
    size_t pattern;
  };
  // The first match at or after `from`.
  std::optional<Match> find(std::string_view text, size_t from) const;

 private:
  struct Automaton;
  std::unique_ptr<Automaton> automaton_;
};

class AddedTokens {
 public:
  // `list` is the file's "added_tokens". Ids are given out as the tokenizers library does: a token
  // of the model keeps its id there, the others are numbered on from the vocabulary's end; a
  // warning says so where the file expects something else.
  AddedTokens(const json& list, const Model& model, const Normalizer* normalizer,
              std::string_view where);

  // A part of a text and the added token it is, if any.
  struct Part {
    Span range;
    const AddedToken* token = nullptr;
  };
  // Parts that cover `text`; `normalized` says which of the tokens to look for.
  std::vector<Part> split(std::string_view text, bool normalized) const;

  std::optional<int32_t> id(std::string_view content) const;
  const AddedToken* token(int32_t id) const;
  bool is_special(std::string_view content) const { return special_.contains(content); }
  int32_t id_limit() const { return id_limit_; }
  size_t outside(const Model& model) const;  // tokens that the model does not have

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::unordered_map<std::string, int32_t, Hash, std::equal_to<>> ids_;
  std::unordered_map<int32_t, AddedToken> by_id_;
  std::unordered_set<std::string, Hash, std::equal_to<>> special_;
  StringMatcher raw_matcher_;
  StringMatcher normalized_matcher_;
  std::vector<int32_t> raw_ids_;  // by pattern
  std::vector<int32_t> normalized_ids_;
  int32_t id_limit_ = 0;
};

}  // namespace tarn::text
