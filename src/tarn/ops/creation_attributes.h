// Parameters of operations that make arrays, for the units' kernels.
#pragma once

namespace tarn {

struct ArangeAttributes {
  double start;
  double step;
};

}  // namespace tarn
