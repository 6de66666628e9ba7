#include "tarn/cpu/isa/matmul.h"

#include "tarn/cpu/isa/load.h"

namespace tarn::cpu {
namespace {

void matmul_nt(const MatmulNtArgs& args, int64_t n0, int64_t n1, void* /*scratch*/) {
  for (int64_t t = 0; t < args.t; ++t) {
    const float* x = args.x + t * args.ldx;
    for (int64_t n = n0; n < n1; ++n) {
      float sum = 0.F;
      for (int64_t k = 0; k < args.k; ++k)
        sum += x[k] * load_float(args.w, args.w_type, n * args.ldw + k);
      args.out[t * args.ldo + n] = sum;
    }
  }
}

size_t scratch_bytes(int64_t /*t*/) { return 0; }

}  // namespace

const MatmulKernels detail::matmul_portable = {.matmul_nt = matmul_nt,
                                               .scratch_bytes = scratch_bytes};

TARN_DEFINE_KERNEL_TABLES(MatmulKernels, matmul)

}  // namespace tarn::cpu
