#include "tarn/cpu/isa/norm_simd.h"

namespace tarn::cpu::detail {
const NormKernels norm_neon = norm_simd;
}
