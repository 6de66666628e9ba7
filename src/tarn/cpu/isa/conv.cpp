#include "tarn/cpu/isa/conv.h"

#include <cmath>

#include "tarn/cpu/isa/load.h"

namespace tarn::cpu {
namespace {

void causal_conv(const CausalConvArgs& args, int64_t c0, int64_t c1) {
  const int64_t width = args.width;
  for (int64_t c = c0; c < c1; ++c) {
    float taps[conv_max_width];
    float history[conv_max_width];
    for (int64_t j = 0; j < width; ++j)
      taps[j] = load_float(args.weight, args.param_type, j * args.channels + c);
    for (int64_t j = 0; j + 1 < width; ++j) history[j] = args.state[j * args.ld_state + c];
    const float bias = args.bias == nullptr ? 0.F : load_float(args.bias, args.param_type, c);
    for (int64_t t = 0; t < args.t; ++t) {
      history[width - 1] = args.x[t * args.ldx + c];
      float y = bias;
      for (int64_t j = 0; j < width; ++j) y += taps[j] * history[j];
      args.out[t * args.ldo + c] = args.silu ? y / (1.F + std::exp(-y)) : y;
      for (int64_t j = 0; j + 1 < width; ++j) history[j] = history[j + 1];
    }
    for (int64_t j = 0; j + 1 < width; ++j) args.state[j * args.ld_state + c] = history[j];
  }
}

}  // namespace

const ConvKernels detail::conv_portable = {.causal_conv = causal_conv};

TARN_DEFINE_KERNEL_TABLES(ConvKernels, conv)

}  // namespace tarn::cpu
