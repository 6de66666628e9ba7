// Reductions over some axes (negative ones count from the end) or, without any named, over all of
// them. keepdims leaves extents of 1 in place of the reduced axes; no axes (an empty list) reduce
// nothing.
//
// Every result has one order of additions, fixed by the shape. f16 and bf16 accumulate in f32.
#pragma once

#include <vector>

#include "tarn/core/array.h"

namespace tarn {

// Integers keep their type if it has 32 bits or more; smaller ones and booleans give int32 or
// uint32. Overflow wraps. Empty: 0 and 1.
array sum(const array& a, const std::vector<int>& axes, bool keepdims = false);
array prod(const array& a, const std::vector<int>& axes, bool keepdims = false);

// Floating results: integers and booleans become float32. Empty: NaN.
array mean(const array& a, const std::vector<int>& axes, bool keepdims = false);
// Mean squared distance from the mean, over n - ddof; infinite when that is not positive.
array var(const array& a, const std::vector<int>& axes, bool keepdims = false, int ddof = 0);
array std(const array& a, const std::vector<int>& axes, bool keepdims = false, int ddof = 0);
// log(sum(exp(a))) without overflow. Empty, or all -inf: -inf.
array logsumexp(const array& a, const std::vector<int>& axes, bool keepdims = false);

// NaN if any is. Error when there is nothing to choose from.
array max(const array& a, const std::vector<int>& axes, bool keepdims = false);
array min(const array& a, const std::vector<int>& axes, bool keepdims = false);

// Boolean results. Empty: true and false.
array all(const array& a, const std::vector<int>& axes, bool keepdims = false);
array any(const array& a, const std::vector<int>& axes, bool keepdims = false);

// uint32 position of the first largest or smallest value, or of the first NaN, along one axis (in
// the flattened array without one). Error when there is nothing to choose from.
array argmax(const array& a, int axis, bool keepdims = false);
array argmin(const array& a, int axis, bool keepdims = false);
array argmax(const array& a);
array argmin(const array& a);

#define TARN_REDUCTION(NAME)                                       \
  array NAME(const array& a); /* over all axes */                  \
  inline array NAME(const array& a, int axis, bool keep = false) { \
    return NAME(a, std::vector<int>{axis}, keep);                  \
  }
TARN_REDUCTION(sum)
TARN_REDUCTION(prod)
TARN_REDUCTION(mean)
TARN_REDUCTION(var)
TARN_REDUCTION(std)
TARN_REDUCTION(logsumexp)
TARN_REDUCTION(max)
TARN_REDUCTION(min)
TARN_REDUCTION(all)
TARN_REDUCTION(any)
#undef TARN_REDUCTION

}  // namespace tarn
