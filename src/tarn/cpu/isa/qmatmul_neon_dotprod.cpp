#include "tarn/cpu/isa/qmatmul_neon.h"

namespace tarn::cpu {
extern const QMatmulKernels qmatmul_neon_dotprod;
constinit const QMatmulKernels qmatmul_neon_dotprod = qmatmul_table<Neon>();
}  // namespace tarn::cpu
