// Aho-Corasick with leftmost-longest matches: one pass whatever the number of patterns.
#include <utility>

#include "tarn/text/added_tokens.h"
#include "tarn/text/byte_trie.h"

namespace tarn::text {

struct StringMatcher::Automaton {
  ByteTrie trie;
  std::vector<uint32_t> depth;         // of each node
  std::vector<ByteTrie::Node> fail;    // the longest proper suffix that is a node
  std::vector<ByteTrie::Node> ending;  // the longest suffix (or the node) that is a pattern
};

StringMatcher::StringMatcher() = default;
StringMatcher::~StringMatcher() = default;
StringMatcher::StringMatcher(StringMatcher&&) noexcept = default;
StringMatcher& StringMatcher::operator=(StringMatcher&&) noexcept = default;

StringMatcher::StringMatcher(const std::vector<std::string>& patterns) {
  std::vector<std::pair<std::string_view, int32_t>> entries;
  for (size_t i = 0; i < patterns.size(); ++i) {
    if (!patterns[i].empty()) entries.emplace_back(patterns[i], static_cast<int32_t>(i));
  }
  if (entries.empty()) return;
  automaton_ = std::make_unique<Automaton>();
  Automaton& a = *automaton_;
  a.trie = ByteTrie(std::move(entries));
  a.depth.assign(a.trie.size(), 0);
  a.fail.assign(a.trie.size(), ByteTrie::kRoot);
  a.ending.assign(a.trie.size(), ByteTrie::kNone);
  // Nodes stand in breadth-first order: a node's suffixes are shorter and come before it.
  for (ByteTrie::Node node = 0; node < a.trie.size(); ++node) {
    a.ending[node] = a.trie.value(node) >= 0 ? node : a.ending[a.fail[node]];
    for (auto [child, end] = a.trie.children(node); child < end; ++child) {
      a.depth[child] = a.depth[node] + 1;
      if (node == ByteTrie::kRoot) continue;
      ByteTrie::Node suffix = a.fail[node];
      ByteTrie::Node next = a.trie.child(suffix, a.trie.label(child));
      while (next == ByteTrie::kNone && suffix != ByteTrie::kRoot) {
        suffix = a.fail[suffix];
        next = a.trie.child(suffix, a.trie.label(child));
      }
      if (next != ByteTrie::kNone) a.fail[child] = next;
    }
  }
}

std::optional<StringMatcher::Match> StringMatcher::find(std::string_view text, size_t from) const {
  if (!automaton_) return std::nullopt;
  const Automaton& a = *automaton_;
  std::optional<Match> best;
  ByteTrie::Node node = ByteTrie::kRoot;
  for (size_t pos = from; pos < text.size(); ++pos) {
    const auto byte = static_cast<uint8_t>(text[pos]);
    ByteTrie::Node next = a.trie.child(node, byte);
    while (next == ByteTrie::kNone && node != ByteTrie::kRoot) {
      node = a.fail[node];
      next = a.trie.child(node, byte);
    }
    node = next == ByteTrie::kNone ? ByteTrie::kRoot : next;
    const auto end = static_cast<uint32_t>(pos + 1);
    // Nothing that begins at or before the match found can come any more.
    if (best && end - a.depth[node] > best->range.begin) break;
    const ByteTrie::Node ending = a.ending[node];
    if (ending == ByteTrie::kNone) continue;
    const uint32_t begin = end - a.depth[ending];
    if (!best || begin <= best->range.begin) {
      best = Match{{begin, end}, static_cast<size_t>(a.trie.value(ending))};
    }
  }
  return best;
}

}  // namespace tarn::text
