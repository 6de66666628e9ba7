#include "tarn/cpu/isa/attention_simd.h"

namespace tarn::cpu::detail {
const AttentionKernels attention_neon = attention_simd;
}
