// The sequences of a forward pass. Their tokens stand side by side, the same number of each, on
// axis 1 of [1, T, hidden]: what works on single tokens (norms, matrices, embeddings) runs over all
// of them at once, and reads the weights once; what looks back runs for each sequence on its own.
#pragma once

#include <cstdint>
#include <vector>

#include "tarn/models/cache.h"
#include "tarn/ops/shape.h"

namespace tarn::blocks {

struct Sequences {
  std::vector<Cache*> caches;
  std::vector<array> firsts;  // int32 [] each: the position of its first token here
  int64_t length;             // tokens the longest will have, as far as known

  size_t count() const { return caches.size(); }

  // f(s, start, stop) for each sequence and its part of axis 1; the results joined on axis 1.
  template <typename F>
  array each(int64_t tokens, F&& f) const {
    const auto n = static_cast<int64_t>(count());
    if (n == 1) return f(size_t{0}, int64_t{0}, tokens);
    std::vector<array> parts;
    const int64_t size = tokens / n;
    for (int64_t s = 0; s < n; ++s) {
      parts.push_back(f(static_cast<size_t>(s), s * size, (s + 1) * size));
    }
    return concatenate(parts, 1);
  }
};

}  // namespace tarn::blocks
