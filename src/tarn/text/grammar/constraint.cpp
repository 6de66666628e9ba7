#include "tarn/text/grammar/constraint.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tarn/base/error.h"
#include "tarn/text/grammar/limits.h"

namespace tarn::text {

using grammar::Position;

struct TokenGrammar::State {
  Grammar grammar;
  std::shared_ptr<const GrammarVocabulary> vocabulary;
  grammar::MaskCache masks;
  grammar::Distances distances;

  // Of any of the states that behave like `state` over texts as long as tokens are.
  std::shared_ptr<const grammar::StateMask> mask(grammar::State state) {
    const grammar::Automaton& automaton = grammar.automaton();
    const grammar::State key = automaton.representative(state, vocabulary->trie().longest());
    if (auto known = masks.find(key)) return known;
    auto made = std::make_shared<const grammar::StateMask>(grammar::compute_mask(
        automaton, distances, key, vocabulary->trie(), vocabulary->mask_words()));
    masks.insert(key, made);
    return made;
  }
};

TokenGrammar::TokenGrammar(Grammar grammar, std::shared_ptr<const GrammarVocabulary> vocabulary,
                           size_t cache_bytes) {
  grammar::Distances distances(grammar.automaton(), vocabulary->single_bytes());
  state_.reset(new State{std::move(grammar), std::move(vocabulary), grammar::MaskCache(cache_bytes),
                         std::move(distances)});
}

const Grammar& TokenGrammar::grammar() const { return state_->grammar; }
const GrammarVocabulary& TokenGrammar::vocabulary() const { return *state_->vocabulary; }
size_t TokenGrammar::cached_masks() const { return state_->masks.size(); }
size_t TokenGrammar::cached_bytes() const { return state_->masks.nbytes(); }

GrammarConstraint::GrammarConstraint(TokenGrammar grammar)
    : grammar_(std::move(grammar)),
      runner_(grammar_.grammar().automaton()),
      walk_(grammar_.vocabulary().trie()),
      distance_(grammar_.state_->distances),
      mask_(grammar_.vocabulary().mask_words()) {
  runner_.start(runner_.automaton().start(), position_);
}

bool GrammarConstraint::advance(std::string_view bytes, Position& to) {
  runner_.allow(grammar::kMaxTokenSteps);
  Position next;
  to = position_;
  for (const char c : bytes) {
    runner_.advance(to, static_cast<uint8_t>(c), next);
    if (!next.alive()) return false;
    std::swap(to, next);
  }
  return true;
}

bool GrammarConstraint::accept_bytes(std::string_view bytes) {
  if (finished_) return bytes.empty();
  Position to;
  if (!advance(bytes, to)) return false;
  mask_is_current_ = mask_is_current_ && to == position_;
  position_ = std::move(to);
  if (runner_.compact(position_)) {
    mask_is_current_ = false;
    distance_.forget();
  }
  return true;
}

bool GrammarConstraint::allows(int32_t id) {
  const GrammarVocabulary& vocabulary = grammar_.vocabulary();
  if (vocabulary.is_end(id)) return finished_ || may_end();
  const auto bytes = vocabulary.bytes(id);
  Position to;
  return bytes && !finished_ && advance(*bytes, to);
}

void GrammarConstraint::accept(int32_t id) {
  const GrammarVocabulary& vocabulary = grammar_.vocabulary();
  if (vocabulary.is_end(id)) {
    if (!finished_ && !may_end()) {
      fail(ErrorCode::invalid_argument, "grammar: the text may not end here (token {})", id);
    }
    if (left_) --*left_;
    finished_ = true;
    position_.items.clear();
    mask_is_current_ = false;
    return;
  }
  const auto bytes = vocabulary.bytes(id);
  if (!bytes) {
    fail(ErrorCode::invalid_argument, "grammar: token {} is no text of the vocabulary", id);
  }
  if (finished_ || !accept_bytes(*bytes)) {
    fail(ErrorCode::invalid_argument, "grammar: token {} (\"{}\") is not allowed here", id, *bytes);
  }
  if (left_) --*left_;
}

void GrammarConstraint::expect_at_most(int64_t tokens) {
  if (tokens < 1) {
    fail(ErrorCode::invalid_argument,
         "grammar: {} tokens are left for the text; at least one must be", tokens);
  }
  left_ = tokens;
}

std::span<const uint32_t> GrammarConstraint::mask() {
  if (!mask_is_current_) compute_mask();
  return hurry() ? hurried_ : mask_;
}

// Whether there is need to hurry: then hurried_ is made. Otherwise every token of mask_ will do, or
// none.
bool GrammarConstraint::hurry() {
  if (!left_ || finished_) return false;
  const int64_t bytes = *left_ - 2;  // what may be left behind the next token, but for the end
  if (farthest_ <= bytes || distance_(runner_, position_) > bytes + 1) return false;
  const grammar::TokenTrie& trie = grammar_.vocabulary().trie();
  hurried_.assign(mask_.size(), 0);
  bool any = false;
  const auto allow = [&](int32_t id) {
    hurried_[static_cast<size_t>(id) / 32] |= 1U << (id % 32);
    any = true;
  };
  // As much as the masks of the states may take.
  runner_.allow(grammar::kMaxMaskSteps * (position_.items.size() + 1));
  walk_.run(
      runner_, position_, 0, trie.size(), 0,
      [&](uint32_t node, const Position& behind) {
        const auto tokens = trie.tokens(node);
        if (tokens.empty() || distance_(runner_, behind) > bytes) return;
        for (const int32_t id : tokens) allow(id);
      },
      [](uint32_t) {});
  if (position_.ended) {
    for (const int32_t id : grammar_.vocabulary().end_tokens()) allow(id);
  }
  return any;  // not so where the text should end here, and there is no end token
}

void GrammarConstraint::compute_mask() {
  TokenGrammar::State& shared = *grammar_.state_;
  const grammar::TokenTrie& trie = shared.vocabulary->trie();
  std::fill(mask_.begin(), mask_.end(), 0);
  runner_.allow(grammar::kMaxMaskSteps);
  const auto allow = [&](int32_t id) { mask_[static_cast<size_t>(id) / 32] |= 1U << (id % 32); };
  const auto allow_all = [&](uint32_t node, const Position& to) {
    const auto tokens = trie.tokens(node);
    if (tokens.empty()) return;
    farthest_ = std::max(farthest_, distance_(runner_, to));
    for (const int32_t id : tokens) allow(id);
  };
  farthest_ = 0;
  Position below;
  Position behind;
  for (const Position::Item& item : position_.items) {
    const auto decided = shared.mask(item.state);
    decided->add_to(mask_);
    farthest_ = std::max(farthest_, grammar::add(decided->farthest(shared.distances[item.state]),
                                                 distance_.behind(runner_, item.stacks)));
    if (decided->exits.empty()) continue;
    runner_.return_to(item.stacks, below);
    if (below.items.empty()) continue;
    const grammar::ByteSet first = runner_.first(below);
    for (unsigned byte = 0; byte < 256; ++byte) {
      const uint32_t begin = decided->exits_begin[byte];
      const uint32_t end = decided->exits_begin[byte + 1];
      if (begin == end || !first.test(byte)) continue;
      runner_.advance(below, static_cast<uint8_t>(byte), behind);
      if (!behind.alive()) continue;
      for (uint32_t i = begin; i < end; ++i) {
        const uint32_t node = decided->exits[i];
        allow_all(node, behind);
        walk_.run(runner_, behind, node + 1, trie[node].skip, trie[node].depth, allow_all,
                  [](uint32_t) {});
      }
    }
  }
  if (position_.ended) {
    for (const int32_t id : shared.vocabulary->end_tokens()) allow(id);
  }
  if (std::all_of(mask_.begin(), mask_.end(), [](uint32_t word) { return word == 0; })) {
    fail_stuck();
  }
  mask_is_current_ = true;
}

void GrammarConstraint::fail_stuck() const {
  if (position_.ended) {
    fail(ErrorCode::invalid_argument,
         "grammar: the text must end here, and the vocabulary was given no end token");
  }
  std::string bytes;
  const grammar::ByteSet first = runner_.first(position_);
  for (unsigned byte = 0; byte < 256; ++byte) {
    if (!first.test(byte)) continue;
    if (bytes.size() > 100) {
      bytes += ", ...";
      break;
    }
    if (!bytes.empty()) bytes += ", ";
    bytes += fmt::format("0x{:02X}", byte);
    if (byte > 0x20 && byte < 0x7F) bytes += fmt::format(" '{}'", static_cast<char>(byte));
  }
  fail(ErrorCode::unsupported,
       "grammar: one of these bytes must follow, and the vocabulary has no token for it: {}; use a "
       "tokenizer that has all bytes",
       bytes);
}

std::string GrammarConstraint::forced_bytes(size_t limit) {
  std::string out;
  if (finished_) return out;
  runner_.allow(grammar::kMaxTokenSteps);
  Position at = position_;
  Position next;
  while (out.size() < limit && !at.ended) {
    const grammar::ByteSet first = runner_.first(at);
    if (first.count() != 1) break;
    uint8_t byte = 0;
    while (!first.test(byte)) ++byte;
    runner_.advance(at, byte, next);
    out += static_cast<char>(byte);
    std::swap(at, next);
  }
  return out;
}

}  // namespace tarn::text
