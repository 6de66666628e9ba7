// Softmax and its logarithm along some axes, floating: integers and booleans become float32.
#pragma once

#include <vector>

#include "tarn/core/array.h"

namespace tarn {

// exp(a - max) / sum(exp(a - max)), in float32 at least whatever the dtype (`precise` asks for
// nothing more). -inf gives 0; all of them -inf, or any +inf or NaN, gives NaN.
array softmax(const array& a, const std::vector<int>& axes, bool precise = false);
array softmax(const array& a, int axis = -1, bool precise = false);

// a - logsumexp(a).
array log_softmax(const array& a, const std::vector<int>& axes);
array log_softmax(const array& a, int axis = -1);

}  // namespace tarn
