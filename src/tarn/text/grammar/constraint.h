// Structured output: which tokens may come next so that the text follows a grammar.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tarn/text/grammar/distances.h"
#include "tarn/text/grammar/grammar.h"
#include "tarn/text/grammar/runner.h"
#include "tarn/text/grammar/token_masks.h"
#include "tarn/text/grammar/vocabulary.h"

namespace tarn::text {

// A grammar over the tokens of a vocabulary, with the masks computed so far. Cheap to copy; copies
// share the masks. Safe to use from several threads.
class TokenGrammar {
 public:
  // Masks take up to `cache_bytes`.
  TokenGrammar(Grammar grammar, std::shared_ptr<const GrammarVocabulary> vocabulary,
               size_t cache_bytes = size_t{64} << 20);

  const Grammar& grammar() const;
  const GrammarVocabulary& vocabulary() const;
  // What the cache holds now.
  size_t cached_masks() const;
  size_t cached_bytes() const;

 private:
  friend class GrammarConstraint;
  struct State;
  std::shared_ptr<State> state_;
};

// One sequence. A copy is a fork; copying takes a few kilobytes. Belongs to one thread.
//
// As long as the vocabulary has the tokens for it (all single bytes are enough), some token or the
// end is always allowed. Where it has not, mask() fails and says which bytes are missing. A grammar
// so ambiguous that a step takes seconds is ErrorCode::unsupported when that shows.
class GrammarConstraint {
 public:
  explicit GrammarConstraint(TokenGrammar grammar);

  // How many tokens may still come, an end token included; each that is accepted counts as one.
  // Masks then leave out the tokens behind which the text could no longer end in time, byte by byte
  // where need be. Where it already cannot, they are as if there was no limit. At least 1.
  void expect_at_most(int64_t tokens);
  // The ids that may come next, 32 a word (id i is bit i % 32 of word i / 32). End tokens are
  // allowed when the text may end. Valid until the next call.
  std::span<const uint32_t> mask();
  // Takes a token that the grammar allows; any other is ErrorCode::invalid_argument and changes
  // nothing. Behind an end token, only end tokens come.
  void accept(int32_t id);
  // Whether accept(id) would succeed, without computing a mask.
  bool allows(int32_t id);
  // Takes text; false, and nothing changed, where the grammar does not allow it.
  bool accept_bytes(std::string_view bytes);

  bool may_end() const { return position_.ended; }
  // Nothing but the end can follow.
  bool complete() const { return position_.items.empty(); }
  bool finished() const { return finished_; }  // an end token was accepted
  // The text that must follow, up to `limit` bytes: "" where there is a choice.
  std::string forced_bytes(size_t limit = 1024);

 private:
  bool advance(std::string_view bytes, grammar::Position& to);
  void compute_mask();
  bool hurry();
  [[noreturn]] void fail_stuck() const;

  TokenGrammar grammar_;
  grammar::Runner runner_;
  grammar::TrieWalk walk_;
  grammar::Position position_;
  bool finished_ = false;
  grammar::DistanceToEnd distance_;
  std::optional<int64_t> left_;
  std::vector<uint32_t> mask_;
  bool mask_is_current_ = false;
  grammar::Distance farthest_ = 0;  // from the end, at most, behind any token of mask_
  std::vector<uint32_t> hurried_;   // of mask_, what still ends in time
};

}  // namespace tarn::text
