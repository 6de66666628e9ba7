#include "tarn/models/blocks/mlp.h"

#include "tarn/ops/elementwise.h"

namespace tarn::blocks {
namespace {

array activate(Activation activation, const array& x) {
  switch (activation) {
    case Activation::gelu:
      return gelu(x);
    case Activation::gelu_tanh:
      return gelu_tanh(x);
    case Activation::relu:
      return maximum(x, array(0.0F));
    default:
      return silu(x);
  }
}

}  // namespace

array Mlp::operator()(const array& x) const {
  const std::vector<array> gate_up = Linear::together(x, {&gate_proj_, &up_proj_});
  return down_proj_(activate(activation_, gate_up[0]) * gate_up[1]);
}

}  // namespace tarn::blocks
