#include "tarn/cpu/isa/attention_simd.h"

namespace tarn::cpu::detail {
const AttentionKernels attention_avx512bf16 = attention_simd;
}
