// Sets of characters and the bytes that UTF-8 writes them as.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace tarn::text::grammar {

// A set of Unicode scalar values: surrogates are never in it.
class CharSet {
 public:
  struct Range {
    char32_t first;
    char32_t last;
    bool operator==(const Range&) const = default;
  };

  CharSet() = default;
  CharSet(std::initializer_list<Range> ranges) {
    for (const Range& range : ranges) add(range.first, range.last);
  }
  static CharSet all() { return CharSet{{0, 0x10FFFF}}; }

  void add(char32_t first, char32_t last);
  void add(char32_t c) { add(c, c); }
  void add(const CharSet& other);
  CharSet negated() const;
  CharSet intersected(const CharSet& other) const;
  bool contains(char32_t c) const;
  bool empty() const { return ranges_.empty(); }
  const std::vector<Range>& ranges() const { return ranges_; }  // sorted, with gaps between them
  bool operator==(const CharSet&) const = default;

 private:
  void insert(char32_t first, char32_t last);
  std::vector<Range> ranges_;
};

struct ByteRange {
  uint8_t first;
  uint8_t last;
  bool operator==(const ByteRange&) const = default;
  bool operator<(const ByteRange& other) const {
    return first != other.first ? first < other.first : last < other.last;
  }
};

// Characters whose bytes lie in one range each: their UTF-8 is the product of the ranges.
struct Utf8Ranges {
  std::array<ByteRange, 4> bytes;
  int size;
};

// Disjoint products that together are the UTF-8 of the set.
std::vector<Utf8Ranges> utf8_ranges(const CharSet& chars);

}  // namespace tarn::text::grammar
