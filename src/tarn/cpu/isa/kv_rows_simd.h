// Reading rows of keys and values as floats: plain ones, and those of quant/kv_format.h. For the
// includers of vec.h.
#pragma once

#include "tarn/cpu/isa/attention.h"
#include "tarn/cpu/isa/vec.h"
#include "tarn/quant/kv_format.h"

namespace tarn::cpu {
namespace {

// A byte of a quantized row; pointers to it stand for the storage type.
struct Int8Row {
  uint8_t byte;
};
struct Int4Row {
  uint8_t byte;
};

template <typename T>
constexpr bool is_quantized = std::is_same_v<T, Int8Row> || std::is_same_v<T, Int4Row>;

// Calls f with a null pointer of the storage type.
template <typename F>
inline void with_storage(KvStorage type, F f) {
  switch (type) {
    case KvStorage::f32:
      return f(static_cast<const float*>(nullptr));
    case KvStorage::f16:
      return f(static_cast<const float16*>(nullptr));
    case KvStorage::bf16:
      return f(static_cast<const bfloat16*>(nullptr));
    case KvStorage::int8:
      return f(static_cast<const Int8Row*>(nullptr));
    case KvStorage::int4:
      return f(static_cast<const Int4Row*>(nullptr));
  }
}

// The values [begin, end) of a row of `dim`, begin a multiple of kv_group, to `out`. A quantized
// row writes its last group whole.
template <typename T>
inline void widen_row(const T* row, int64_t /*dim*/, int64_t begin, int64_t end, float* out) {
  for_lanes(end - begin,
            [=](int64_t i, int n) TARN_INLINE { store(out + i, load(row + begin + i, n), n); });
}

// Groups of values that share a scale: unrolled, as the lanes divide a group.
template <typename F>
inline void for_groups(int64_t begin, int64_t end, F f) {
  for (int64_t group = begin / kv_group; group * kv_group < end; ++group)
    f(group, group * kv_group - begin);
}

inline void widen_row(const Int8Row* row, int64_t dim, int64_t begin, int64_t end, float* out) {
  const auto* codes = reinterpret_cast<const int8_t*>(row);
  const auto* scales = reinterpret_cast<const float16*>(row + kv_groups(dim) * kv_group);
  for_groups(begin, end, [=](int64_t group, int64_t at) TARN_INLINE {
    const Vec scale = set1(scales[group]);
    unrolled<kv_group / Vec::lanes>([&](auto i) TARN_INLINE {
      store(out + at + i * Vec::lanes, load(codes + group * kv_group + i * Vec::lanes) * scale);
    });
  });
}

inline void widen_row(const Int4Row* row, int64_t dim, int64_t begin, int64_t end, float* out) {
  constexpr int64_t half = kv_group / 2;
  const auto* codes = reinterpret_cast<const uint8_t*>(row);
  const auto* scales = reinterpret_cast<const float16*>(row + kv_groups(dim) * half);
  for_groups(begin, end, [=](int64_t group, int64_t at) TARN_INLINE {
    const Vec scale = set1(scales[group * 2]);
    const Vec low = set1(scales[group * 2 + 1]);
    unrolled<half / Vec::lanes>([&](auto i) TARN_INLINE {
      const IntVec pairs = load_bytes(codes + group * half + i * Vec::lanes);
      const Vec first = to_float_lanes(pairs & set1_int(15));
      const Vec second = to_float_lanes(shift_right_arithmetic<4>(pairs));
      store(out + at + i * Vec::lanes, fma(scale, first, low));
      store(out + at + half + i * Vec::lanes, fma(scale, second, low));
    });
  });
}

}  // namespace
}  // namespace tarn::cpu
