#include "tarn/cpu/strided.h"

#include <algorithm>
#include <cstring>

namespace tarn::cpu {
namespace {

template <typename Word>
void copy_words(const std::byte* from_bytes, const Strides& from_strides, std::byte* to_bytes,
                const Strides& to_strides, const Shape& shape, int64_t begin, int64_t end) {
  const Word* from = reinterpret_cast<const Word*>(from_bytes);
  Word* to = reinterpret_cast<Word*>(to_bytes);
  const int rank = shape.rank();
  if (rank == 0) {
    if (begin < end) *to = *from;
    return;
  }
  Dims index(rank, 0);
  int64_t rest = begin;
  for (int axis = rank - 1; axis >= 0; --axis) {
    index[axis] = rest % shape[axis];
    rest /= shape[axis];
    from += index[axis] * from_strides[axis];
    to += index[axis] * to_strides[axis];
  }
  const int last = rank - 1;
  const int64_t from_step = from_strides[last];
  const int64_t to_step = to_strides[last];
  for (int64_t left = end - begin; left > 0;) {
    const int64_t run = std::min(left, shape[last] - index[last]);
    if (from_step == 1 && to_step == 1) {
      std::memcpy(to, from, static_cast<size_t>(run) * sizeof(Word));
    } else {
      for (int64_t i = 0; i < run; ++i) to[i * to_step] = from[i * from_step];
    }
    left -= run;
    from -= index[last] * from_step;
    to -= index[last] * to_step;
    index[last] = 0;
    for (int axis = last - 1; axis >= 0; --axis) {
      from += from_strides[axis];
      to += to_strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= from_strides[axis] * shape[axis];
      to -= to_strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
}

}  // namespace

void copy_strided(const std::byte* from, const Strides& from_strides, std::byte* to,
                  const Strides& to_strides, const Shape& shape, size_t size, int64_t begin,
                  int64_t end) {
  if (begin >= end) return;
  switch (size) {
    case 1:
      return copy_words<uint8_t>(from, from_strides, to, to_strides, shape, begin, end);
    case 2:
      return copy_words<uint16_t>(from, from_strides, to, to_strides, shape, begin, end);
    case 4:
      return copy_words<uint32_t>(from, from_strides, to, to_strides, shape, begin, end);
    default:
      return copy_words<uint64_t>(from, from_strides, to, to_strides, shape, begin, end);
  }
}

}  // namespace tarn::cpu
