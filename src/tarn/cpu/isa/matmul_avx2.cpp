#include "tarn/cpu/isa/matmul_simd.h"

namespace tarn::cpu::detail {
const MatmulKernels matmul_avx2 = matmul_simd;
}
