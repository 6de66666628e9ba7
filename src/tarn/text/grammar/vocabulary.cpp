#include "tarn/text/grammar/vocabulary.h"

#include <algorithm>
#include <utility>

#include "tarn/base/error.h"

namespace tarn::text {

GrammarVocabulary::GrammarVocabulary(const Tokenizer& tokenizer,
                                     std::span<const int32_t> end_tokens, int32_t size) {
  tokens_.resize(static_cast<size_t>(std::max(size, tokenizer.id_limit())));
  for (int32_t id = 0; id < tokenizer.id_limit(); ++id) {
    if (!tokenizer.is_added(id)) tokens_[static_cast<size_t>(id)] = tokenizer.token_bytes(id);
  }
  index(end_tokens);
}

GrammarVocabulary::GrammarVocabulary(std::vector<std::optional<std::string>> tokens,
                                     std::span<const int32_t> end_tokens)
    : tokens_(std::move(tokens)) {
  index(end_tokens);
}

void GrammarVocabulary::index(std::span<const int32_t> end_tokens) {
  for (const int32_t id : end_tokens) {
    if (id < 0 || id >= size()) {
      fail(ErrorCode::invalid_argument, "grammar: end token {} is not in the vocabulary of {}", id,
           size());
    }
    tokens_[static_cast<size_t>(id)].reset();
    end_tokens_.push_back(id);
  }
  std::vector<std::pair<std::string_view, int32_t>> entries;
  for (size_t id = 0; id < tokens_.size(); ++id) {
    auto& token = tokens_[id];
    if (token && (token->empty() || token->size() > grammar::TokenTrie::kMaxTokenBytes)) {
      token.reset();
    }
    if (token) entries.emplace_back(*token, static_cast<int32_t>(id));
  }
  trie_ = grammar::TokenTrie(std::move(entries));
}

std::optional<std::string_view> GrammarVocabulary::bytes(int32_t id) const {
  if (id < 0 || id >= size() || !tokens_[static_cast<size_t>(id)]) return std::nullopt;
  return *tokens_[static_cast<size_t>(id)];
}

std::bitset<256> GrammarVocabulary::single_bytes() const {
  std::bitset<256> out;
  for (uint32_t i = 0; i < trie_.size(); i = trie_[i].skip) {
    if (!trie_.tokens(i).empty()) out.set(trie_[i].byte);
  }
  return out;
}

bool GrammarVocabulary::is_end(int32_t id) const {
  return std::find(end_tokens_.begin(), end_tokens_.end(), id) != end_tokens_.end();
}

}  // namespace tarn::text
