#include "tarn/cpu/isa/norm.h"

#include <cmath>
#include <limits>

#include "tarn/cpu/isa/load.h"

namespace tarn::cpu {
namespace {

float scaled_weight(const NormArgs& args, int64_t i) {
  const float weight = args.weight == nullptr ? 1.F : load_float(args.weight, args.param_type, i);
  return args.weight == nullptr ? weight : weight + args.weight_offset;
}

float sum_of_squares(const float* x, int64_t n) {
  float sum = 0.F;
  for (int64_t i = 0; i < n; ++i) sum += x[i] * x[i];
  return sum;
}

void rms_norm(const NormArgs& args, int64_t r0, int64_t r1) {
  for (int64_t r = r0; r < r1; ++r) {
    const float* x = args.x + r * args.ldx;
    float* out = args.out + r * args.ldo;
    const float mean = sum_of_squares(x, args.d) / static_cast<float>(args.d);
    const float inverse = 1.F / std::sqrt(mean + args.eps);
    for (int64_t i = 0; i < args.d; ++i) {
      float y = x[i] * inverse * scaled_weight(args, i);
      if (args.gate != nullptr) {
        const float gate = args.gate[r * args.ldg + i];
        y *= gate / (1.F + std::exp(-gate));
      }
      out[i] = y;
    }
  }
}

void layer_norm(const NormArgs& args, int64_t r0, int64_t r1) {
  const auto count = static_cast<float>(args.d);
  for (int64_t r = r0; r < r1; ++r) {
    const float* x = args.x + r * args.ldx;
    float* out = args.out + r * args.ldo;
    float sum = 0.F;
    for (int64_t i = 0; i < args.d; ++i) sum += x[i];
    const float mean = sum / count;
    // A second pass over the differences: E[x^2] - mean^2 would cancel.
    float squares = 0.F;
    for (int64_t i = 0; i < args.d; ++i) squares += (x[i] - mean) * (x[i] - mean);
    const float inverse = 1.F / std::sqrt(squares / count + args.eps);
    for (int64_t i = 0; i < args.d; ++i) {
      const float bias = args.bias == nullptr ? 0.F : load_float(args.bias, args.param_type, i);
      out[i] = (x[i] - mean) * inverse * scaled_weight(args, i) + bias;
    }
  }
}

void l2_norm(const L2NormArgs& args, int64_t r0, int64_t r1) {
  for (int64_t r = r0; r < r1; ++r) {
    const float* x = args.x + r * args.ldx;
    float* out = args.out + r * args.ldo;
    const float inverse = args.scale / std::sqrt(sum_of_squares(x, args.d) + args.eps);
    for (int64_t i = 0; i < args.d; ++i) out[i] = x[i] * inverse;
  }
}

void softmax(const SoftmaxArgs& args, int64_t r0, int64_t r1) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  for (int64_t r = r0; r < r1; ++r) {
    const float* x = args.x + r * args.ldx;
    float* out = args.out + r * args.ldo;
    // A NaN is not found by the maximum but reaches the sum through its own exp.
    float max = -inf;
    for (int64_t i = 0; i < args.d; ++i) max = std::fmax(max, x[i]);
    if (max == -inf) max = 0.F;  // all hidden: every exp is then 0
    float sum = 0.F;
    for (int64_t i = 0; i < args.d; ++i) {
      out[i] = std::exp((x[i] - max) * args.scale);
      sum += out[i];
    }
    const float inverse = sum == 0.F ? 0.F : 1.F / sum;
    for (int64_t i = 0; i < args.d; ++i) out[i] *= inverse;
  }
}

}  // namespace

const NormKernels detail::norm_portable = {
    .rms_norm = rms_norm, .layer_norm = layer_norm, .l2_norm = l2_norm, .softmax = softmax};

TARN_DEFINE_KERNEL_TABLES(NormKernels, norm)

}  // namespace tarn::cpu
