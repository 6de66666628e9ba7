// A set of byte strings, each with a number, looked up prefix by prefix.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace tarn::text {

class ByteTrie {
 public:
  using Node = uint32_t;
  static constexpr Node kRoot = 0;
  static constexpr Node kNone = UINT32_MAX;

  ByteTrie() = default;
  // Entries may come in any order; of equal strings the first in `entries` counts.
  explicit ByteTrie(std::vector<std::pair<std::string_view, int32_t>> entries);

  size_t size() const { return nodes_.size(); }
  // The node behind `byte`, or kNone.
  Node child(Node node, uint8_t byte) const {
    if (node == kRoot && !root_.empty()) return root_[byte];
    const Entry& entry = nodes_[node];
    for (Node i = entry.first; i < entry.first + entry.count; ++i) {
      if (labels_[i] == byte) return i;
    }
    return kNone;
  }
  // The number of the string that ends at `node`, or -1.
  int32_t value(Node node) const { return nodes_[node].value; }
  // Children are consecutive nodes and come after their parent.
  std::pair<Node, Node> children(Node node) const {
    return {nodes_[node].first, nodes_[node].first + nodes_[node].count};
  }
  uint8_t label(Node node) const { return labels_[node]; }

 private:
  struct Entry {
    Node first = 0;
    uint32_t count = 0;
    int32_t value = -1;
  };
  std::vector<Entry> nodes_;
  std::vector<uint8_t> labels_;  // the byte that leads to each node
  std::vector<Node> root_;       // the root's children by byte
};

}  // namespace tarn::text
