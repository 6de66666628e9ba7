#include "tarn/text/aligned_text.h"

#include <algorithm>
#include <utility>

#include "tarn/base/error.h"

namespace tarn::text {
void AlignedText::check_size(size_t bytes) const {
  if (bytes <= limit_) return;
  if (limit_ == kMaxTextBytes) {
    fail(ErrorCode::unsupported, "tokenizer: text of more than {} bytes: tokenize it in parts",
         kMaxTextBytes);
  }
  fail(ErrorCode::unsupported,
       "tokenizer: normalization makes the text longer than {} bytes: check the normalizer",
       limit_);
}

AlignedText::AlignedText(std::string_view original) {
  check_size(original.size());
  limit_ = std::min(kMaxTextBytes, std::max(size_t{1} << 20, 64 * original.size()));
  text_ = original;
  sources_.resize(original.size());
  for (uint32_t pos = 0; pos < original.size();) {
    const auto end = pos + static_cast<uint32_t>(char_bytes(original[pos]));
    const Span source{pos, end};
    for (; pos < end; ++pos) sources_[pos] = source;
  }
}

AlignedText AlignedText::slice(Span range) const {
  AlignedText out = empty_like(range.size());
  out.append(*this, range);
  return out;
}

AlignedText AlignedText::empty_like(size_t bytes) const {
  AlignedText out;
  out.limit_ = limit_;
  out.text_.reserve(bytes);
  out.sources_.reserve(bytes);
  return out;
}

void AlignedText::append(const AlignedText& from, Span range) {
  check_size(text_.size() + range.size());
  text_ += from.view(range);
  sources_.insert(sources_.end(), from.sources_.begin() + range.begin,
                  from.sources_.begin() + range.end);
}

void AlignedText::append(char32_t c, Span source) {
  check_size(text_.size());
  append_char(text_, c);
  sources_.resize(text_.size(), source);
}

void AlignedText::append_changed(const AlignedText& from, Span range,
                                 std::span<const Change> changes, size_t removed) {
  if (range.empty()) return;
  uint32_t pos = range.begin;
  const auto skip = [&](size_t chars) {
    for (; chars > 0 && pos < range.end; --chars) {
      pos += static_cast<uint32_t>(char_bytes(from.text_[pos]));
    }
  };
  skip(removed);
  const uint32_t first = from.sources_[range.begin].begin;
  for (const Change& change : changes) {
    Span source{first, first};
    if (change.change > 0) {
      if (pos > range.begin) source = from.sources_[pos - 1];
    } else {
      source = from.sources_[pos < range.end ? pos : range.end - 1];
      skip(1 + static_cast<size_t>(-static_cast<int64_t>(change.change)));
    }
    append(change.c, source);
  }
}

void AlignedText::change(std::span<const Change> changes, size_t removed) {
  AlignedText out = empty_like(text_.size());
  out.append_changed(*this, {0, size()}, changes, removed);
  *this = std::move(out);
}

}  // namespace tarn::text
