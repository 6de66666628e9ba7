#include <cmath>

#include "tarn/cpu/isa/elementwise.h"
#include "tarn/cpu/kernels.h"
#include "tarn/cpu/reducers.h"

namespace tarn::cpu {
namespace {

void exp_in_place(float* x, int64_t n, ElementwiseKernels::Unary exp) { exp(x, x, n); }
void exp_in_place(double* x, int64_t n, ElementwiseKernels::Unary /*exp*/) {
  for (int64_t i = 0; i < n; ++i) x[i] = std::exp(x[i]);
}

// Rows of the last axis. `row` holds a row in the type of the arithmetic; it may be the output.
template <typename T>
void softmax_rows(const KernelArgs& args) {
  using Value = typename Compute<T>::type;
  const Operand& in = args.in[0];
  const int64_t n = in.shape(-1);
  if (in.size() == 0) return;
  const Share::Range rows = args.share.of(in.size() / n);
  const ElementwiseKernels::Unary exp = elementwise_kernels(current_isa()).exp;
  for (int64_t r = rows.begin; r < rows.end; ++r) {
    const T* x = in.as<T>() + r * n;
    T* out = args.out[0].as<T>() + r * n;
    Value* row;
    if constexpr (std::is_same_v<T, Value>) {
      row = out;
    } else {
      row = reinterpret_cast<Value*>(args.scratch) + args.share.member * n;
    }
    const Value highest = fold<Max<T>>(x, n);
    for (int64_t i = 0; i < n; ++i) row[i] = Compute<T>::load(x[i]) - highest;
    exp_in_place(row, n, exp);
    const Value scale = 1 / fold<Sum<Value>>(row, n);
    for (int64_t i = 0; i < n; ++i) out[i] = Compute<T>::store(row[i] * scale);
  }
}

void softmax(const KernelArgs& args) {
  switch (args.in[0].dtype) {
    case Dtype::f16:
      return softmax_rows<float16>(args);
    case Dtype::bf16:
      return softmax_rows<bfloat16>(args);
    case Dtype::f64:
      return softmax_rows<double>(args);
    default:
      return softmax_rows<float>(args);
  }
}

size_t softmax_scratch(const StepShape& shape) {
  if (size_of(shape.in[0].dtype) != 2) return 0;
  return static_cast<size_t>(shape.members * shape.in[0].shape(-1)) * sizeof(float);
}

// An exponential costs about as much as moving 16 bytes.
int64_t softmax_cost(const StepShape& shape) { return shape.in[0].size() * 24; }

constexpr NamedKernel table[] = {
    {"softmax", {.run = softmax, .scratch = softmax_scratch, .cost = softmax_cost}},
};

}  // namespace

KernelTable softmax_kernels() { return table; }

}  // namespace tarn::cpu
