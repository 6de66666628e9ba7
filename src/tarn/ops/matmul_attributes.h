// Parameters of the matrix products, for the units' kernels.
#pragma once

namespace tarn {

// Operands: x [..., K] float32, row-major, then weights [N_i, K] whose rows are dense; an output
// [..., N_i] float32 for each.
struct LinearAttributes {
  bool exact;  // else x may be rounded to the dtype of a weight
};

}  // namespace tarn
