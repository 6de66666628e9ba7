#include "tarn/text/grammar/char_set.h"

#include <algorithm>

namespace tarn::text::grammar {
namespace {

struct Encoded {
  std::array<uint8_t, 4> bytes;
  int size;
};

Encoded encode(char32_t c) {
  const auto tail = [](char32_t bits) { return static_cast<uint8_t>(0x80 | (bits & 0x3F)); };
  if (c < 0x80) return {{static_cast<uint8_t>(c)}, 1};
  if (c < 0x800) return {{static_cast<uint8_t>(0xC0 | (c >> 6)), tail(c)}, 2};
  if (c < 0x10000) return {{static_cast<uint8_t>(0xE0 | (c >> 12)), tail(c >> 6), tail(c)}, 3};
  return {{static_cast<uint8_t>(0xF0 | (c >> 18)), tail(c >> 12), tail(c >> 6), tail(c)}, 4};
}

// `first` and `last` have encodings of one length. Cuts the range until every byte but the first
// that differs runs over all its values.
void split(char32_t first, char32_t last, std::vector<Utf8Ranges>& out) {
  for (int shift = 6; shift <= 18; shift += 6) {
    const char32_t low = (char32_t{1} << shift) - 1;
    if ((first & ~low) == (last & ~low)) break;
    if ((first & low) != 0) {
      split(first, first | low, out);
      split((first | low) + 1, last, out);
      return;
    }
    if ((last & low) != low) {
      split(first, (last & ~low) - 1, out);
      split(last & ~low, last, out);
      return;
    }
  }
  const Encoded a = encode(first);
  const Encoded b = encode(last);
  Utf8Ranges product{{}, a.size};
  for (int i = 0; i < a.size; ++i) product.bytes[i] = {a.bytes[i], b.bytes[i]};
  out.push_back(product);
}

}  // namespace

void CharSet::insert(char32_t first, char32_t last) {
  if (first > last) return;
  auto from = std::lower_bound(ranges_.begin(), ranges_.end(), first,
                               [](const Range& r, char32_t c) { return r.last + 1 < c; });
  auto to = from;
  for (; to != ranges_.end() && to->first <= last + 1; ++to) {
    first = std::min(first, to->first);
    last = std::max(last, to->last);
  }
  from = ranges_.erase(from, to);
  ranges_.insert(from, {first, last});
}

void CharSet::add(char32_t first, char32_t last) {
  last = std::min<char32_t>(last, 0x10FFFF);
  insert(first, std::min<char32_t>(last, 0xD7FF));
  insert(std::max<char32_t>(first, 0xE000), last);
}

void CharSet::add(const CharSet& other) {
  for (const Range& range : other.ranges_) insert(range.first, range.last);
}

CharSet CharSet::negated() const {
  CharSet out;
  char32_t next = 0;
  for (const Range& range : ranges_) {
    if (range.first > next) out.add(next, range.first - 1);
    next = range.last + 1;
  }
  if (next <= 0x10FFFF) out.add(next, 0x10FFFF);
  return out;
}

CharSet CharSet::intersected(const CharSet& other) const {
  CharSet out;
  auto a = ranges_.begin();
  auto b = other.ranges_.begin();
  while (a != ranges_.end() && b != other.ranges_.end()) {
    const char32_t first = std::max(a->first, b->first);
    const char32_t last = std::min(a->last, b->last);
    if (first <= last) out.ranges_.push_back({first, last});
    a->last < b->last ? ++a : ++b;
  }
  return out;
}

bool CharSet::contains(char32_t c) const {
  const auto it = std::lower_bound(ranges_.begin(), ranges_.end(), c,
                                   [](const Range& r, char32_t at) { return r.last < at; });
  return it != ranges_.end() && it->first <= c;
}

std::vector<Utf8Ranges> utf8_ranges(const CharSet& chars) {
  static constexpr char32_t kLastOfLength[] = {0x7F, 0x7FF, 0xFFFF, 0x10FFFF};
  std::vector<Utf8Ranges> out;
  for (const auto& [range_first, range_last] : chars.ranges()) {
    char32_t first = range_first;
    for (const char32_t limit : kLastOfLength) {
      if (first > range_last) break;
      if (first > limit) continue;
      const char32_t last = std::min(range_last, limit);
      split(first, last, out);
      first = last + 1;
    }
  }
  return out;
}

}  // namespace tarn::text::grammar
