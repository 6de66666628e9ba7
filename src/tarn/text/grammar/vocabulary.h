// A tokenizer's tokens as the bytes that they add to a text: what grammars are matched against.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tarn/text/grammar/token_trie.h"
#include "tarn/text/tokenizer.h"

namespace tarn::text {

// Immutable; made once for a tokenizer (a few hundred milliseconds for 150,000 tokens).
class GrammarVocabulary {
 public:
  // Special and added tokens are left out: no text of a grammar holds them. `end_tokens` are what
  // the model ends its answer with. `size` is the number of logits, where there are more than ids.
  GrammarVocabulary(const Tokenizer& tokenizer, std::span<const int32_t> end_tokens,
                    int32_t size = 0);
  // By id; tokens that are absent, empty or longer than 65,535 bytes are never allowed.
  GrammarVocabulary(std::vector<std::optional<std::string>> tokens,
                    std::span<const int32_t> end_tokens);
  GrammarVocabulary(const GrammarVocabulary&) = delete;
  GrammarVocabulary& operator=(const GrammarVocabulary&) = delete;

  int32_t size() const { return static_cast<int32_t>(tokens_.size()); }  // one past the largest id
  size_t mask_words() const { return (tokens_.size() + 31) / 32; }
  // What the token adds; nothing for tokens that are left out and for end tokens.
  std::optional<std::string_view> bytes(int32_t id) const;
  bool is_end(int32_t id) const;
  const std::vector<int32_t>& end_tokens() const { return end_tokens_; }
  const grammar::TokenTrie& trie() const { return trie_; }
  std::bitset<256> single_bytes() const;  // that are tokens of their own

 private:
  void index(std::span<const int32_t> end_tokens);
  std::vector<std::optional<std::string>> tokens_;
  std::vector<int32_t> end_tokens_;
  grammar::TokenTrie trie_;
};

}  // namespace tarn::text
