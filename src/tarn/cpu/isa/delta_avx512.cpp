#include "tarn/cpu/isa/delta_simd.h"

namespace tarn::cpu::detail {
const DeltaKernels delta_avx512 = delta_simd;
}
