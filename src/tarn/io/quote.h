// Text from files, made fit for an error message.
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>

namespace tarn {

// The text in double quotes: control characters escaped, cut after about 120 bytes at a code
// point's border. A hostile file can neither flood the terminal nor send it escape sequences.
inline std::string quote(std::string_view text) {
  constexpr size_t limit = 120;
  const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U; };
  std::string out = "\"";
  size_t i = 0;
  for (; i < text.size() && (i < limit || continues(text[i])) && i < limit + 4; ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02x}", c);
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += text[i];
    }
  }
  out += i < text.size() ? "\"..." : "\"";
  return out;
}

}  // namespace tarn
