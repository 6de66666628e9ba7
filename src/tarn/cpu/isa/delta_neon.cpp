#include "tarn/cpu/isa/delta_simd.h"

namespace tarn::cpu::detail {
const DeltaKernels delta_neon = delta_simd;
}
