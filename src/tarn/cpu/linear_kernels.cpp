#include "tarn/base/error.h"
#include "tarn/cpu/isa/matmul.h"
#include "tarn/cpu/kernels.h"
#include "tarn/cpu/rows.h"

namespace tarn::cpu {
namespace {

constexpr size_t alignment = 64;

size_t aligned(size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

int64_t rows_of(const Operand& x) { return x.shape(-1) > 0 ? x.size() / x.shape(-1) : 0; }

size_t linear_scratch(const StepShape& shape) {
  const MatmulKernels& kernels = matmul_kernels(current_isa());
  return aligned(kernels.scratch_bytes(rows_of(shape.in[0]))) * static_cast<size_t>(shape.members);
}

void linear(const KernelArgs& args) {
  const Operand& x = args.in[0];
  const Operand& weight = args.in[1];
  const Operand& out = args.out[0];
  const MatmulKernels& kernels = matmul_kernels(current_isa());
  const int64_t n = weight.shape(0);
  const int64_t grain = 8;  // rows of W that the kernel does best together
  std::byte* scratch = args.scratch == nullptr
                           ? nullptr
                           : args.scratch + aligned(kernels.scratch_bytes(rows_of(x))) *
                                                static_cast<size_t>(args.share.member);
  const Share::Range range = args.share.of(n, grain);
  for_row_runs(x, 0, rows_of(x),
               [&](int64_t begin, int64_t end, const float* rows, int64_t stride) {
                 const MatmulNtArgs product{rows,
                                            stride,
                                            weight.data,
                                            float_type(weight.dtype),
                                            weight.stride(0),
                                            out.as<float>() + begin * n,
                                            n,
                                            end - begin,
                                            x.shape(-1)};
                 kernels.matmul_nt(product, range.begin, range.end, scratch);
               });
}

template <typename T>
void embedding_rows(const KernelArgs& args) {
  const int64_t* ids = args.in[0].as<int64_t>();
  const int64_t rows = args.in[1].shape(0);
  const int64_t columns = args.in[1].shape(1);
  const Share::Range range = args.share.of(args.in[0].size());
  for (int64_t i = range.begin; i < range.end; ++i) {
    if (ids[i] < 0 || ids[i] >= rows) {
      fail(ErrorCode::invalid_argument, "[embedding] id {} is outside [0, {})", ids[i], rows);
    }
    const T* row = args.in[1].as<T>() + ids[i] * columns;
    float* out = args.out[0].as<float>() + i * columns;
    for (int64_t c = 0; c < columns; ++c) out[c] = to_float(row[c]);
  }
}

void embedding(const KernelArgs& args) {
  switch (args.in[1].dtype) {
    case Dtype::f16:
      return embedding_rows<float16>(args);
    case Dtype::bf16:
      return embedding_rows<bfloat16>(args);
    default:
      return embedding_rows<float>(args);
  }
}

int64_t embedding_cost(const StepShape& shape) { return shape.out[0].nbytes() * 2; }

constexpr NamedKernel table[] = {
    {"embedding", {.run = embedding, .cost = embedding_cost}},
    {"linear", {.run = linear, .scratch = linear_scratch}},
};

}  // namespace

KernelTable linear_kernels() { return table; }

}  // namespace tarn::cpu
