#include "tarn/text/byte_trie.h"

#include <algorithm>

namespace tarn::text {

ByteTrie::ByteTrie(std::vector<std::pair<std::string_view, int32_t>> entries) {
  std::stable_sort(entries.begin(), entries.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  // Breadth first, so that the children of a node are neighbours.
  struct Range {
    size_t begin;
    size_t end;
    size_t depth;
  };
  std::vector<Range> ranges{{0, entries.size(), 0}};
  nodes_.emplace_back();
  labels_.push_back(0);
  for (size_t node = 0; node < ranges.size(); ++node) {
    auto [begin, end, depth] = ranges[node];
    if (begin < end && entries[begin].first.size() == depth) {
      nodes_[node].value = entries[begin].second;
      while (begin < end && entries[begin].first.size() == depth) ++begin;
    }
    nodes_[node].first = static_cast<Node>(nodes_.size());
    while (begin < end) {
      const char byte = entries[begin].first[depth];
      size_t next = begin;
      while (next < end && entries[next].first[depth] == byte) ++next;
      ranges.push_back({begin, next, depth + 1});
      labels_.push_back(static_cast<uint8_t>(byte));
      nodes_.emplace_back();
      ++nodes_[node].count;
      begin = next;
    }
  }
  root_.assign(256, kNone);
  for (auto [i, end] = children(kRoot); i < end; ++i) root_[labels_[i]] = i;
}

}  // namespace tarn::text
