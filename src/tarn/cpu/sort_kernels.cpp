// Sorting by keys: every type maps to unsigned integers of the same order, so two sorts serve all.
// The position is part of the key, which makes any sort stable and any selection unique.
#include <algorithm>
#include <bit>
#include <type_traits>

#include "tarn/cpu/kernels.h"
#include "tarn/cpu/maps.h"
#include "tarn/ops/sort_attributes.h"

namespace tarn::cpu {
namespace {

template <typename Bits, typename Float>
Bits float_key(Float x) {
  constexpr Bits sign = Bits{1} << (sizeof(Bits) * 8 - 1);
  if (x != x) return ~Bits{0};
  const Bits bits = std::bit_cast<Bits>(x == Float(0) ? Float(0) : x);
  return (bits & sign) != 0 ? ~bits : bits | sign;
}

// Types of up to 32 bits: key and position in one word.
struct Narrow {
  uint64_t word;
  template <typename T>
  Narrow(T x, uint32_t position) {
    uint32_t key;
    if constexpr (std::is_same_v<typename Compute<T>::type, float>) {
      key = float_key<uint32_t>(Compute<T>::load(x));
    } else {
      key = static_cast<uint32_t>(x);
      if constexpr (std::is_signed_v<T>) key ^= 0x80000000U;
    }
    word = uint64_t{key} << 32 | position;
  }
  uint32_t position() const { return static_cast<uint32_t>(word); }
  bool operator<(const Narrow& other) const { return word < other.word; }
};

struct Wide {
  uint64_t key;
  uint32_t at;
  template <typename T>
  Wide(T x, uint32_t position) : at(position) {
    if constexpr (std::is_floating_point_v<T>) {
      key = float_key<uint64_t>(static_cast<double>(x));
    } else {
      key = static_cast<uint64_t>(x);
      if constexpr (std::is_signed_v<T>) key ^= uint64_t{1} << 63;
    }
  }
  uint32_t position() const { return at; }
  bool operator<(const Wide& other) const {
    return key != other.key ? key < other.key : at < other.at;
  }
};

// nth < 0: a full sort.
template <typename Key>
void arrange(Key* keys, int64_t n, int64_t nth) {
  if (nth < 0) {
    std::sort(keys, keys + n);
  } else {
    std::nth_element(keys, keys + nth, keys + n);
  }
}

template <bool positions>
void arrange_rows(const KernelArgs& args, int64_t nth) {
  const Operand& in = args.in[0];
  if (in.size() == 0) return;
  const int64_t n = in.shape(-1);
  const Share::Range rows = args.share.of(in.size() / n);
  dispatch(in.dtype, [&](auto zero) {
    using T = decltype(zero);
    using Key = std::conditional_t<sizeof(T) == 8, Wide, Narrow>;
    Key* keys = reinterpret_cast<Key*>(args.scratch) + args.share.member * n;
    for (int64_t row = rows.begin; row < rows.end; ++row) {
      const T* values = in.as<T>() + row * n;
      for (int64_t i = 0; i < n; ++i) keys[i] = Key(values[i], static_cast<uint32_t>(i));
      arrange(keys, n, nth);
      for (int64_t i = 0; i < n; ++i) {
        if constexpr (positions) {
          args.out[0].as<uint32_t>()[row * n + i] = keys[i].position();
        } else {
          args.out[0].as<T>()[row * n + i] = values[keys[i].position()];
        }
      }
    }
  });
}

template <bool positions>
void sort(const KernelArgs& args) {
  arrange_rows<positions>(args, -1);
}

template <bool positions>
void partition(const KernelArgs& args) {
  arrange_rows<positions>(args, args.attributes<PartitionAttributes>().kth);
}

size_t sort_scratch(const StepShape& shape) {
  const Operand& in = shape.in[0];
  const size_t key = size_of(in.dtype) == 8 ? sizeof(Wide) : sizeof(Narrow);
  return static_cast<size_t>(shape.members * in.shape(-1)) * key;
}

// About ten comparisons and moves an element.
int64_t sort_cost(const StepShape& shape) { return shape.in[0].size() * 160; }
int64_t partition_cost(const StepShape& shape) { return shape.in[0].size() * 40; }

constexpr NamedKernel table[] = {
    {"sort", {.run = sort<false>, .scratch = sort_scratch, .cost = sort_cost}},
    {"argsort", {.run = sort<true>, .scratch = sort_scratch, .cost = sort_cost}},
    {"partition", {.run = partition<false>, .scratch = sort_scratch, .cost = partition_cost}},
    {"argpartition", {.run = partition<true>, .scratch = sort_scratch, .cost = partition_cost}},
};

}  // namespace

KernelTable sort_kernels() { return table; }

}  // namespace tarn::cpu
