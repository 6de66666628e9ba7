// Structured output: which tokens may come next so that the text follows a grammar.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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

  // The ids that may come next, 32 a word (id i is bit i % 32 of word i / 32). End tokens are
  // allowed when the text may end. Valid until the next call.
  std::span<const uint32_t> mask();
  // Takes a token that the mask allows; any other is ErrorCode::invalid_argument and changes
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
  [[noreturn]] void fail_stuck() const;

  TokenGrammar grammar_;
  grammar::Runner runner_;
  grammar::TrieWalk walk_;
  grammar::Position position_;
  bool finished_ = false;
  std::vector<uint32_t> mask_;
  bool mask_is_current_ = false;
};

}  // namespace tarn::text
