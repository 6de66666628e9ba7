// Parameters of operations that move bytes between shapes, for the units' kernels.
#pragma once

#include "tarn/core/shape.h"

namespace tarn {

struct ConcatenateAttributes {
  int axis;
};

struct SliceUpdateAttributes {
  Dims start;  // of the region in the first operand; its shape is the second's
};

}  // namespace tarn
