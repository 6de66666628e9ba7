#include "tarn/cpu/isa/elementwise_simd.h"

namespace tarn::cpu::detail {
const ElementwiseKernels elementwise_neon = elementwise_simd;
}
