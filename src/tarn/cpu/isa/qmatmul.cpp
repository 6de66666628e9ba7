#include "tarn/cpu/isa/qmatmul.h"

namespace tarn::cpu {

extern const QMatmulKernels qmatmul_portable;
#if defined(__x86_64__)
extern const QMatmulKernels qmatmul_avx2;
extern const QMatmulKernels qmatmul_avx512;
#elif defined(__aarch64__)
extern const QMatmulKernels qmatmul_neon;
extern const QMatmulKernels qmatmul_neon_dotprod;
extern const QMatmulKernels qmatmul_neon_i8mm;
#endif

size_t quantized_activations_size(size_t tokens, size_t inputs, int group_size) {
  const size_t groups = inputs / static_cast<size_t>(group_size);
  return tokens * (inputs + 2 * groups * sizeof(float));
}

QuantizedActivations quantized_activations_in(std::byte* buffer, size_t tokens, size_t inputs,
                                              int group_size) {
  const size_t groups = inputs / static_cast<size_t>(group_size);
  auto* scales = reinterpret_cast<float*>(buffer);
  float* sums = scales + groups * tokens;
  return {reinterpret_cast<int8_t*>(sums + groups * tokens), scales, sums};
}

const QMatmulKernels& qmatmul_kernels(Isa isa) {
#if defined(__x86_64__)
  if (isa >= Isa::avx512) return qmatmul_avx512;
  if (isa >= Isa::avx2) return qmatmul_avx2;
#elif defined(__aarch64__)
  if (isa >= Isa::neon_i8mm) return qmatmul_neon_i8mm;
  if (isa >= Isa::neon_dotprod) return qmatmul_neon_dotprod;
  if (isa >= Isa::neon) return qmatmul_neon;
#else
  static_cast<void>(isa);
#endif
  return qmatmul_portable;
}

}  // namespace tarn::cpu
