#include "tarn/models/blocks/linear.h"

#include "tarn/ops/elementwise.h"
#include "tarn/ops/embedding.h"
#include "tarn/ops/matmul.h"

namespace tarn::blocks {
namespace {

array multiply_by(const Matrix& matrix, const array& x, bool exact) {
  if (const auto* dense = std::get_if<array>(&matrix)) return linear(x, *dense);
  return quantized_matmul(x, std::get<PanelArray>(matrix), exact);
}

}  // namespace

Linear::Linear(const Builder& builder, const std::string& module, int64_t outputs, int64_t inputs,
               bool bias)
    : weight_(load_matrix(builder, module, outputs, inputs)), exact_(builder.options.exact) {
  if (bias) bias_ = builder.weights.get_f32(module + ".bias", {outputs});
  builder.size.bytes_per_token += bytes_of(weight_);
}

array Linear::operator()(const array& x) const {
  const array y = multiply_by(weight_, x, exact_);
  return bias_ ? y + *bias_ : y;
}

Embedding::Embedding(const Builder& builder, const std::string& module, int64_t rows,
                     int64_t columns, bool tied)
    : weight_(load_matrix(builder, module, rows, columns)), exact_(builder.options.exact) {
  // A token reads one row, or the whole table once more as the output projection.
  builder.size.bytes_per_token += tied ? bytes_of(weight_) : bytes_of(weight_) / rows;
}

array Embedding::operator()(const array& ids) const {
  if (const auto* dense = std::get_if<array>(&weight_)) return embedding(ids, *dense);
  return quantized_embedding(ids, std::get<PanelArray>(weight_));
}

array Embedding::project(const array& x) const { return multiply_by(weight_, x, exact_); }

}  // namespace tarn::blocks
