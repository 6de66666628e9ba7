// Parameters of indexed reads and writes, for the units' kernels. Operands are row-major.
#pragma once

#include "tarn/ops/axes.h"
#include "tarn/ops/index.h"

namespace tarn {

struct IndexAttributes {
  AxisView view;  // of the indexed array
  int axis;       // for messages
  ScatterMode mode = ScatterMode::assign;
  // One index for each slice along the axis, or for each element.
  bool each_element = false;
};

}  // namespace tarn
