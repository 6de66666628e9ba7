#include "tarn/cpu/isa/elementwise_simd.h"

namespace tarn::cpu::detail {
const ElementwiseKernels elementwise_avx2 = elementwise_simd;
}
