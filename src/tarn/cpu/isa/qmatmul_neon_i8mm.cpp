#include "tarn/cpu/isa/qmatmul_neon.h"

namespace tarn::cpu {
extern const QMatmulKernels qmatmul_neon_i8mm;
constinit const QMatmulKernels qmatmul_neon_i8mm = qmatmul_table<Neon>();
}  // namespace tarn::cpu
