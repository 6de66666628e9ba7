#include "tarn/text/grammar/token_trie.h"

#include <algorithm>

namespace tarn::text::grammar {

TokenTrie::TokenTrie(std::vector<std::pair<std::string_view, int32_t>> tokens) {
  std::sort(tokens.begin(), tokens.end());
  nodes_.clear();
  tokens_.reserve(tokens.size());
  std::vector<uint32_t> path;  // nodes that lead to the last token
  std::string_view last;
  const auto close = [&](size_t depth) {
    for (; path.size() > depth; path.pop_back()) {
      nodes_[path.back()].skip = static_cast<uint32_t>(nodes_.size());
    }
  };
  for (const auto& [bytes, id] : tokens) {
    const auto differ = std::mismatch(last.begin(), last.end(), bytes.begin(), bytes.end());
    close(static_cast<size_t>(differ.first - last.begin()));
    while (path.size() < bytes.size()) {
      path.push_back(static_cast<uint32_t>(nodes_.size()));
      nodes_.push_back({0, static_cast<uint32_t>(tokens_.size()),
                        static_cast<uint16_t>(path.size()),
                        static_cast<uint8_t>(bytes[path.size() - 1])});
    }
    tokens_.push_back(id);
    longest_ = std::max(longest_, static_cast<uint32_t>(bytes.size()));
    last = bytes;
  }
  close(0);
  nodes_.push_back({0, static_cast<uint32_t>(tokens_.size()), 0, 0});
}

}  // namespace tarn::text::grammar
