#include "tarn/text/charsmap.h"

#include <array>
#include <cstring>

#include "tarn/base/error.h"
#include "tarn/text/unicode.h"

namespace tarn::text {
namespace {

std::string decode_base64(std::string_view in, std::string_view where) {
  const auto value = [](char c) -> int {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
  };
  if (in.size() % 4 != 0) {
    fail(ErrorCode::corrupt, "{}: base64 of {} characters, not a multiple of 4", where, in.size());
  }
  size_t padding = 0;
  while (padding < 2 && in.ends_with('=')) {
    in.remove_suffix(1);
    ++padding;
  }
  std::string out;
  out.reserve(in.size() / 4 * 3 + 3);
  uint32_t bits = 0;
  int count = 0;
  for (const char c : in) {
    const int v = value(c);
    if (v < 0) fail(ErrorCode::corrupt, "{}: not valid base64", where);
    bits = bits << 6 | static_cast<uint32_t>(v);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>(static_cast<uint8_t>(bits >> count & 0xFF));
    }
  }
  return out;
}

uint32_t load_u32(const char* p) {
  std::array<uint8_t, 4> b{};
  std::memcpy(b.data(), p, 4);
  return uint32_t{b[0]} | uint32_t{b[1]} << 8 | uint32_t{b[2]} << 16 | uint32_t{b[3]} << 24;
}

// The fields of one unit of the double array.
bool has_leaf(uint32_t unit) { return (unit >> 8 & 1) != 0; }
uint32_t label(uint32_t unit) { return unit & (uint32_t{1} << 31 | 0xFF); }
uint32_t offset(uint32_t unit) { return (unit >> 10) << ((unit & (1U << 9)) >> 6); }
uint32_t leaf_value(uint32_t unit) { return unit & 0x7FFFFFFF; }

}  // namespace

Charsmap::Charsmap(std::string_view base64, std::string_view where) {
  const std::string blob = decode_base64(base64, where);
  if (blob.size() < 4) {
    fail(ErrorCode::corrupt, "{}: precompiled_charsmap of {} bytes has no header", where,
         blob.size());
  }
  const uint32_t trie_bytes = load_u32(blob.data());
  if (trie_bytes > blob.size() - 4 || trie_bytes % 4 != 0 || trie_bytes == 0) {
    fail(ErrorCode::corrupt, "{}: precompiled_charsmap says its trie has {} bytes, {} follow",
         where, trie_bytes, blob.size() - 4);
  }
  units_.resize(trie_bytes / 4);
  for (size_t i = 0; i < units_.size(); ++i) units_[i] = load_u32(blob.data() + 4 + 4 * i);
  replacements_ = blob.substr(4 + size_t{trie_bytes});
  if (find_invalid_utf8(replacements_) != std::string::npos) {
    fail(ErrorCode::corrupt, "{}: precompiled_charsmap replaces with text that is not UTF-8",
         where);
  }
}

std::optional<std::string_view> Charsmap::find(std::string_view chunk) const {
  uint32_t node = offset(units_[0]);
  for (const char c : chunk) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte == 0) break;
    node ^= byte;
    if (node >= units_.size() || label(units_[node]) != byte) return std::nullopt;
    const uint32_t unit = units_[node];
    node ^= offset(unit);
    if (!has_leaf(unit)) continue;
    if (node >= units_.size()) return std::nullopt;
    const size_t begin = leaf_value(units_[node]);
    if (begin >= replacements_.size()) return std::nullopt;
    // An entry that points into the middle of a character is none.
    if ((static_cast<uint8_t>(replacements_[begin]) & 0xC0) == 0x80) return std::nullopt;
    const std::string_view rest = std::string_view(replacements_).substr(begin);
    return rest.substr(0, rest.find('\0'));
  }
  return std::nullopt;
}

}  // namespace tarn::text
