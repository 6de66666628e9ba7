// The tokens of a vocabulary by their bytes, laid out for one walk from front to end.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace tarn::text::grammar {

// Nodes stand in depth-first order: behind a node come its descendants, then whatever follows.
class TokenTrie {
 public:
  struct Node {
    uint32_t skip;         // the node behind the descendants
    uint32_t first_token;  // into tokens(); those of the next node end them
    uint16_t depth;        // bytes that lead here
    uint8_t byte;          // the last of them
  };
  static constexpr size_t kMaxTokenBytes = UINT16_MAX;

  TokenTrie() = default;
  // Strings may repeat; none may be empty or longer than kMaxTokenBytes.
  explicit TokenTrie(std::vector<std::pair<std::string_view, int32_t>> tokens);

  uint32_t size() const { return static_cast<uint32_t>(nodes_.size()) - 1; }
  const Node& operator[](uint32_t i) const { return nodes_[i]; }
  // Tokens that end at node `i`.
  std::span<const int32_t> tokens(uint32_t i) const {
    return {tokens_.data() + nodes_[i].first_token, tokens_.data() + nodes_[i + 1].first_token};
  }
  uint32_t longest() const { return longest_; }  // in bytes

 private:
  std::vector<Node> nodes_{Node{0, 0, 0, 0}};  // and one behind the last
  std::vector<int32_t> tokens_;
  uint32_t longest_ = 0;
};

}  // namespace tarn::text::grammar
