#include "tarn/cpu/isa/conv_simd.h"

namespace tarn::cpu::detail {
const ConvKernels conv_neon = conv_simd;
}
