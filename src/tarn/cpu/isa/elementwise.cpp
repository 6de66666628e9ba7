#include "tarn/cpu/isa/elementwise.h"

#include <cmath>

namespace tarn::cpu {
namespace {

float sigmoid(float x) { return 1.F / (1.F + std::exp(-x)); }
float silu(float x) { return x / (1.F + std::exp(-x)); }
float gelu(float x) { return 0.5F * x * (1.F + std::erf(x * 0.70710678118654752F)); }

float gelu_tanh(float x) {
  constexpr float sqrt_2_over_pi = 0.79788456080286536F;
  return 0.5F * x * (1.F + std::tanh(sqrt_2_over_pi * (x + 0.044715F * x * x * x)));
}

// Written so that neither exp overflows nor a small result is lost beside 1.
float softplus(float x) { return std::fmax(x, 0.F) + std::log1p(std::exp(-std::fabs(x))); }

template <float (*F)(float)>
void map(const float* x, float* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = F(x[i]);
}

template <float (*F)(float)>
void gated(const float* gate, const float* up, float* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = F(gate[i]) * up[i];
}

}  // namespace

const ElementwiseKernels detail::elementwise_portable = {
    .exp = map<std::exp>,
    .log = map<std::log>,
    .sin = map<std::sin>,
    .cos = map<std::cos>,
    .tanh = map<std::tanh>,
    .erf = map<std::erf>,
    .sigmoid = map<sigmoid>,
    .silu = map<silu>,
    .gelu = map<gelu>,
    .gelu_tanh = map<gelu_tanh>,
    .softplus = map<softplus>,
    .swiglu = gated<silu>,
    .geglu = gated<gelu>,
    .geglu_tanh = gated<gelu_tanh>,
};

TARN_DEFINE_KERNEL_TABLES(ElementwiseKernels, elementwise)

}  // namespace tarn::cpu
