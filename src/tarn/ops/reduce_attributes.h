// Parameters of reductions, for the units' kernels. Operands are row-major.
#pragma once

#include "tarn/ops/axes.h"

namespace tarn {

struct ReduceAttributes {
  AxisView view;  // [outer, extent, inner] to [outer, inner]
};

}  // namespace tarn
