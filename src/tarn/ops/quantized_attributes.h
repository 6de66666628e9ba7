// Parameters of the operations on quantized weights, for the units' kernels.
#pragma once

#include <cstdint>
#include <vector>

#include "tarn/quant/panel.h"

namespace tarn {

struct AffineAttributes {
  int bits;
  int group_size;
};

struct PanelAttributes {
  quant::PanelFormat format;
  int64_t rows;
  int64_t columns;
  bool exact;
};

// A product of one x with several matrices of the same K and group size, exact or not alike.
struct QuantizedMatmulAttributes {
  std::vector<PanelAttributes> matrices;
};

}  // namespace tarn
