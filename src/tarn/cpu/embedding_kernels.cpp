#include "tarn/base/error.h"
#include "tarn/cpu/kernels.h"

namespace tarn::cpu {
namespace {

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

// The table is large, what is read of it small.
int64_t embedding_cost(const StepShape& shape) { return shape.out[0].nbytes() * 2; }

constexpr NamedKernel table[] = {
    {"embedding", {.run = embedding, .cost = embedding_cost}},
};

}  // namespace

KernelTable embedding_kernels() { return table; }

}  // namespace tarn::cpu
