#include "tarn/cpu/isa/elementwise_simd.h"

namespace tarn::cpu::detail {
const ElementwiseKernels elementwise_avx512 = elementwise_simd;
}
