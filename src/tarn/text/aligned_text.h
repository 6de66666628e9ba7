// Text under transformation that remembers where every byte came from.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tarn/text/unicode.h"

namespace tarn::text {

// Half-open range of byte offsets.
struct Span {
  uint32_t begin = 0;
  uint32_t end = 0;
  bool empty() const { return begin == end; }
  uint32_t size() const { return end - begin; }
  bool operator==(const Span&) const = default;
};

// The longest text, in bytes; beyond it operations fail. They also do where a text has grown to 64
// times what it was and more than a mebibyte: no honest normalizer needs that.
inline constexpr size_t kMaxTextBytes = size_t{128} << 20;

// UTF-8 text; each of its bytes carries the byte range of the original text that it stands for.
class AlignedText {
 public:
  AlignedText() = default;
  // Every byte of `original` stands for its own character.
  explicit AlignedText(std::string_view original);

  const std::string& str() const { return text_; }
  std::string_view view(Span range) const {
    return std::string_view(text_).substr(range.begin, range.size());
  }
  uint32_t size() const { return static_cast<uint32_t>(text_.size()); }
  bool empty() const { return text_.empty(); }
  Span source(uint32_t byte) const { return sources_[byte]; }

  AlignedText slice(Span range) const;
  // An empty text that may grow as far as this one, with room for `bytes`.
  AlignedText empty_like(size_t bytes) const;
  void append(const AlignedText& from, Span range);
  void append(char32_t c, Span source);

  // Appends `from`'s bytes of `range`, changed: the first `removed` characters fall away, then each
  // change takes, inserts or drops characters as `Change` says. A character that takes the place
  // of another stands for what that one stood for, an inserted one for what the one before it did.
  void append_changed(const AlignedText& from, Span range, std::span<const Change> changes,
                      size_t removed = 0);
  // append_changed over the whole text, in place.
  void change(std::span<const Change> changes, size_t removed = 0);

 private:
  void check_size(size_t bytes) const;
  std::string text_;
  std::vector<Span> sources_;
  size_t limit_ = kMaxTextBytes;
};

}  // namespace tarn::text
