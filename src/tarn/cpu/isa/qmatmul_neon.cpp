#include "tarn/cpu/isa/qmatmul_neon.h"

namespace tarn::cpu {
extern const QMatmulKernels qmatmul_neon;
constinit const QMatmulKernels qmatmul_neon = qmatmul_table<Neon>();
}  // namespace tarn::cpu
