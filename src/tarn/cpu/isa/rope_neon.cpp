#include "tarn/cpu/isa/rope_simd.h"

namespace tarn::cpu::detail {
const RopeKernels rope_neon = rope_simd;
}
