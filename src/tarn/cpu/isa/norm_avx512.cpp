#include "tarn/cpu/isa/norm_simd.h"

namespace tarn::cpu::detail {
const NormKernels norm_avx512 = norm_simd;
}
