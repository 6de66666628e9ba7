// A look into a model's products while it runs: what calibration and the search for formats use.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "tarn/core/array.h"
#include "tarn/ops/quantized.h"

namespace tarn {

// Given to load_model by LoadOptions. Called while the graph of a step is built, in the order the
// data flows. `module` is the matrix's name in the checkpoint, without ".weight":
// "model.layers.0.mlp.up_proj". Of an embedding that is the output projection too, the latter.
class Probe {
 public:
  Probe() = default;
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;
  virtual ~Probe() = default;

  // x [..., inputs], lazy, is about to be multiplied with the module's matrix. Products that share
  // x see the same array.
  virtual void input(const std::string& /*module*/, const array& /*x*/) {}
  // A matrix [outputs, inputs] to take in place of the module's own; nothing: its own.
  virtual std::optional<std::variant<array, PanelArray>> matrix(const std::string& /*module*/) {
    return std::nullopt;
  }
};

}  // namespace tarn
