// Parameters of the operations on coded matrices, for the units' kernels.
#pragma once

#include <cstdint>
#include <memory>

#include "tarn/quant/codec.h"

namespace tarn {

struct CodedAttributes {
  std::shared_ptr<const quant::Codec> codec;
  int64_t rows;
  int64_t columns;
  bool weighted;  // encode: the second input is the importance
};

struct PanelRangeAttributes {
  std::shared_ptr<const quant::Codec> codec;
  int64_t rows;
  int64_t columns;
  int64_t first;  // panels [first, last)
  int64_t last;
};

}  // namespace tarn
