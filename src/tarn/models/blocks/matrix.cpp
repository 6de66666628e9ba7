#include "tarn/models/blocks/matrix.h"

#include "tarn/base/error.h"
#include "tarn/base/log.h"
#include "tarn/memory/pool.h"
#include "tarn/models/blocks/linear.h"

namespace tarn::blocks {
namespace {

// Quantized weights whose extents no panel has: as float32, with a word.
array load_decoded(const StoredMatrix& matrix) {
  logging::warn("{}: {} inputs do not fill panels of {}; its weights are expanded to float32",
                matrix.module, matrix.columns, format_text(matrix.codec->format()));
  array values = decode(coded_rows(matrix, 0, matrix.rows));
  eval({values});
  memory::count_copied(values.nbytes());
  return values;
}

Matrix load_quantized(const Builder& builder, const std::string& module,
                      const quant::Format& format, int64_t rows, int64_t columns) {
  StoredMatrix matrix = builder.weights.stored(module, format);
  if (matrix.rows != rows || matrix.columns != columns) {
    fail(ErrorCode::corrupt,
         "\"{}\" is a matrix of {} x {} in {}, config.json asks for {} x {}; the two do not belong "
         "together",
         matrix.module, matrix.rows, matrix.columns, format_text(format), rows, columns);
  }
  if (!matrix.codec->has_panels()) return load_decoded(matrix);
  return builder.weights.panels().add(std::move(matrix));
}

}  // namespace

Matrix load_matrix(const Builder& builder, const std::string& module, int64_t rows,
                   int64_t columns) {
  builder.weights.count_parameters(rows * columns);
  std::optional<Matrix> quantized;
  if (auto packed = builder.weights.packed(module, rows, columns)) {
    quantized = std::move(*packed);
  } else if (const auto format = builder.weights.format_of(module)) {
    quantized = load_quantized(builder, module, *format, rows, columns);
  }
  if (quantized) {
    builder.size.weight_bytes += bytes_of(*quantized);
    return std::move(*quantized);
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
