// Loading a weight matrix: dense in the checkpoint's dtype, or quantized and laid out in panels.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "tarn/core/array.h"
#include "tarn/ops/quantized.h"

namespace tarn::blocks {

struct Builder;

// [rows, columns]; a product is x times it transposed.
using Matrix = std::variant<array, PanelArray>;

// The matrix of `module` ("layers.0.mlp.up_proj"). A dense or packed one is used where the file's
// mapping has it; a quantized one becomes panels, whose content is there after
// weights.finish(). Counts its parameters and bytes in builder.size. Errors name the
// tensor.
Matrix load_matrix(const Builder& builder, const std::string& module, int64_t rows,
                   int64_t columns);

int64_t bytes_of(const Matrix& matrix);  // as it lies in memory

}  // namespace tarn::blocks
