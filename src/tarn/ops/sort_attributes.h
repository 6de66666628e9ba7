// Parameters of sorting and selection, for the units' kernels. Operands are row-major and the axis
// is the last.
#pragma once

#include <cstdint>

namespace tarn {

struct PartitionAttributes {
  int64_t kth;
};

}  // namespace tarn
