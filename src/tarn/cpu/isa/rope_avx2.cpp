#include "tarn/cpu/isa/rope_simd.h"

namespace tarn::cpu::detail {
const RopeKernels rope_avx2 = rope_simd;
}
