// SentencePiece's precompiled normalization: a double-array trie from byte strings to replacements.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tarn::text {

class Charsmap {
 public:
  // `base64` holds the trie's size in bytes (u32), its units (u32 each) and the replacements, each
  // ended by a zero byte; all little-endian.
  Charsmap(std::string_view base64, std::string_view where);

  // What the shortest entry that opens `chunk` is replaced with.
  std::optional<std::string_view> find(std::string_view chunk) const;

 private:
  std::vector<uint32_t> units_;
  std::string replacements_;
};

}  // namespace tarn::text
