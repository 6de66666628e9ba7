// The vector bodies of norm.h. For the includers of vec.h.
#pragma once

#include "tarn/cpu/isa/norm.h"
#include "tarn/cpu/isa/vec_math.h"

namespace tarn::cpu {
namespace {

// The sum of f(i, count) over a row of n: four running vectors in turn, so that the additions do
// not wait for one another. f gives zero in the lanes past count.
template <typename F>
inline float sum_row(int64_t n, F f) {
  constexpr int lanes = Vec::lanes;
  Vec a = zero(), b = zero(), c = zero(), d = zero();
  int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    a = a + f(i, lanes);
    b = b + f(i + lanes, lanes);
    c = c + f(i + 2 * lanes, lanes);
    d = d + f(i + 3 * lanes, lanes);
  }
  for (; i + lanes <= n; i += lanes) a = a + f(i, lanes);
  if (i < n) b = b + f(i, static_cast<int>(n - i));
  return sum((a + b) + (c + d));
}

inline float sum_of_squares(const float* x, int64_t n) {
  return sum_row(n, [=](int64_t i, int count) {
    const Vec v = load(x + i, count);
    return v * v;
  });
}

template <typename T>
void rms_norm_rows(const NormArgs& args, int64_t r0, int64_t r1) {
  const auto* weight = static_cast<const T*>(args.weight);
  const Vec offset = set1(args.weight_offset);
  for (int64_t r = r0; r < r1; ++r) {
    const float* x = args.x + r * args.ldx;
    const float* gate = args.gate == nullptr ? nullptr : args.gate + r * args.ldg;
    float* out = args.out + r * args.ldo;
    const float mean = sum_of_squares(x, args.d) / static_cast<float>(args.d);
    const Vec inverse = set1(1.F / __builtin_sqrtf(mean + args.eps));
    for_lanes(args.d, [=](int64_t i, int count) {
      Vec y = load(x + i, count) * inverse;
      if (weight != nullptr) y = y * (load(weight + i, count) + offset);
      if (gate != nullptr) y = y * silu(load(gate + i, count));
      store(out + i, y, count);
    });
  }
}

template <typename T>
void layer_norm_rows(const NormArgs& args, int64_t r0, int64_t r1) {
  const auto* weight = static_cast<const T*>(args.weight);
  const auto* bias = static_cast<const T*>(args.bias);
  const Vec offset = set1(args.weight_offset);
  const auto count_of_row = static_cast<float>(args.d);
  for (int64_t r = r0; r < r1; ++r) {
    const float* x = args.x + r * args.ldx;
    float* out = args.out + r * args.ldo;
    const Vec mean = set1(
        sum_row(args.d, [=](int64_t i, int count) { return load(x + i, count); }) / count_of_row);
    const float squares = sum_row(args.d, [=](int64_t i, int count) {
      Vec difference = load(x + i, count) - mean;
      if (count < Vec::lanes) {  // the lanes past the row's end must not count as x = 0
        alignas(64) float part[Vec::lanes] = {};
        store(part, difference, count);
        difference = load(part);
      }
      return difference * difference;
    });
    const Vec inverse = set1(1.F / __builtin_sqrtf(squares / count_of_row + args.eps));
    for_lanes(args.d, [=](int64_t i, int count) {
      Vec y = (load(x + i, count) - mean) * inverse;
      if (weight != nullptr) y = y * (load(weight + i, count) + offset);
      if (bias != nullptr) y = y + load(bias + i, count);
      store(out + i, y, count);
    });
  }
}

void rms_norm(const NormArgs& args, int64_t r0, int64_t r1) {
  with_type(args.param_type, [&]<typename T>(const T*) { rms_norm_rows<T>(args, r0, r1); });
}

void layer_norm(const NormArgs& args, int64_t r0, int64_t r1) {
  with_type(args.param_type, [&]<typename T>(const T*) { layer_norm_rows<T>(args, r0, r1); });
}

void l2_norm(const L2NormArgs& args, int64_t r0, int64_t r1) {
  for (int64_t r = r0; r < r1; ++r) {
    const float* x = args.x + r * args.ldx;
    float* out = args.out + r * args.ldo;
    const Vec inverse = set1(args.scale / __builtin_sqrtf(sum_of_squares(x, args.d) + args.eps));
    for_lanes(args.d,
              [=](int64_t i, int count) { store(out + i, load(x + i, count) * inverse, count); });
  }
}

void softmax(const SoftmaxArgs& args, int64_t r0, int64_t r1) {
  const float inf = __builtin_inff();
  const Vec scale = set1(args.scale);
  for (int64_t r = r0; r < r1; ++r) {
    const float* x = args.x + r * args.ldx;
    float* out = args.out + r * args.ldo;
    Vec tops = set1(-inf);
    int64_t i = 0;
    // max keeps its second operand beside a NaN, so NaN does not get into the maximum.
    for (; i + Vec::lanes <= args.d; i += Vec::lanes) tops = max(load(x + i), tops);
    float top = max_lane(tops);
    for (; i < args.d; ++i) top = x[i] > top ? x[i] : top;
    if (top == -inf) top = 0.F;  // all hidden: every exp is then 0
    const Vec shift = set1(top);
    const float total = sum_row(args.d, [=](int64_t at, int count) {
      const Vec y = exp((load(x + at, count) - shift) * scale);
      store(out + at, y, count);
      return count == Vec::lanes ? y : load(out + at, count);
    });
    const Vec inverse = set1(total == 0.F ? 0.F : 1.F / total);
    for_lanes(args.d, [=](int64_t at, int count) {
      store(out + at, load(out + at, count) * inverse, count);
    });
  }
}

constexpr NormKernels norm_simd = {
    .rms_norm = rms_norm, .layer_norm = layer_norm, .l2_norm = l2_norm, .softmax = softmax};

}  // namespace
}  // namespace tarn::cpu
