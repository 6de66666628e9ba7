#include "tarn/cpu/isa/matmul_simd.h"

namespace tarn::cpu::detail {
const MatmulKernels matmul_neon = matmul_simd;
}
