#include "tarn/models/blocks/matrix.h"

#include "tarn/base/error.h"
#include "tarn/models/blocks/linear.h"

namespace tarn::blocks {
namespace {

PanelArray load_panels(const Builder& builder, const std::string& module,
                       const QuantizationFormat& format, int64_t rows, int64_t columns) {
  if (format.mode != "affine") {
    fail(ErrorCode::unsupported, "\"{}\": quantization mode \"{}\" is not supported; affine is",
         module, format.mode);
  }
  const auto bits = static_cast<int>(format.bits);
  const auto group = static_cast<int>(format.group_size);
  quant::check_affine({bits, group}, static_cast<size_t>(columns));
  const Shape groups = {rows, columns / group};
  const AffineMatrix matrix{builder.weights.get(module + ".weight", {rows, columns / 32 * bits}),
                            builder.weights.get(module + ".scales", groups),
                            builder.weights.get(module + ".biases", groups), bits, group};
  check_affine_matrix(matrix, module.c_str());
  return builder.weights.panels().add(matrix, {builder.weights.source(module + ".weight"),
                                               builder.weights.source(module + ".scales"),
                                               builder.weights.source(module + ".biases")});
}

}  // namespace

Matrix load_matrix(const Builder& builder, const std::string& module, int64_t rows,
                   int64_t columns) {
  builder.weights.count_parameters(rows * columns);
  if (const auto format = builder.weights.format_of(module)) {
    PanelArray packed = load_panels(builder, module, *format, rows, columns);
    builder.size.weight_bytes += static_cast<int64_t>(packed.panels.nbytes());
    return packed;
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
