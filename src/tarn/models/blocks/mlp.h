// The gated feed-forward block: down(act(gate(x)) * up(x)).
#pragma once

#include <string>

#include "tarn/models/blocks/linear.h"

namespace tarn::blocks {

class Mlp {
 public:
  Mlp(const Builder& builder, const std::string& module)
      : activation_(builder.config.hidden_act),
        gate_proj_(builder, module + ".gate_proj", builder.config.intermediate_size,
                   builder.config.hidden_size, builder.config.mlp_bias),
        up_proj_(builder, module + ".up_proj", builder.config.intermediate_size,
                 builder.config.hidden_size, builder.config.mlp_bias),
        down_proj_(builder, module + ".down_proj", builder.config.hidden_size,
                   builder.config.intermediate_size, builder.config.mlp_bias) {}

  array operator()(const array& x) const;

 private:
  Activation activation_;
  Linear gate_proj_;
  Linear up_proj_;
  Linear down_proj_;
};

}  // namespace tarn::blocks
