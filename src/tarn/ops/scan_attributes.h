// Parameters of scans, for the units' kernels. The operand is row-major.
#pragma once

#include "tarn/ops/axes.h"

namespace tarn {

struct ScanAttributes {
  AxisView view;
  bool reverse;
  bool inclusive;
};

}  // namespace tarn
