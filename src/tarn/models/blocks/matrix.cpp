#include "tarn/models/blocks/matrix.h"

#include "tarn/base/error.h"
#include "tarn/models/blocks/linear.h"

namespace tarn::blocks {
namespace {

PanelArray load_panels(const Builder& builder, const std::string& module,
                       const quant::Format& format, int64_t rows, int64_t columns) {
  StoredMatrix matrix = builder.weights.stored(module, format);
  if (matrix.rows != rows || matrix.columns != columns) {
    fail(ErrorCode::corrupt,
         "\"{}\" is a matrix of {} x {} in {}, config.json asks for {} x {}; the two do not belong "
         "together",
         matrix.module, matrix.rows, matrix.columns, format_text(format), rows, columns);
  }
  return builder.weights.panels().add(std::move(matrix));
}

}  // namespace

Matrix load_matrix(const Builder& builder, const std::string& module, int64_t rows,
                   int64_t columns) {
  builder.weights.count_parameters(rows * columns);
  std::optional<PanelArray> packed = builder.weights.packed(module, rows, columns);
  if (const auto format = builder.weights.format_of(module); format && !packed) {
    packed = load_panels(builder, module, *format, rows, columns);
  }
  if (packed) {
    builder.size.weight_bytes += static_cast<int64_t>(packed->panels.nbytes());
    return *packed;
  }
  array dense = builder.weights.get(module + ".weight", {rows, columns});
  if (!is_floating(dense.dtype()) || dense.dtype() == Dtype::f64) {
    fail(ErrorCode::unsupported,
         "\"{}.weight\" is {}; a dense weight must be float32, float16 or bfloat16", module,
         name(dense.dtype()));
  }
  builder.size.weight_bytes += static_cast<int64_t>(dense.nbytes());
  return dense;
}

int64_t bytes_of(const Matrix& matrix) {
  const auto* dense = std::get_if<array>(&matrix);
  return static_cast<int64_t>(dense != nullptr ? dense->nbytes()
                                               : std::get<PanelArray>(matrix).panels.nbytes());
}

}  // namespace tarn::blocks
