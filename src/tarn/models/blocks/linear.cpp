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

array Linear::operator()(const array& x) const { return add_bias(multiply_by(weight_, x, exact_)); }

array Linear::add_bias(const array& y) const { return bias_ ? y + *bias_ : y; }

std::vector<array> Linear::together(const array& x, std::initializer_list<const Linear*> layers) {
  std::vector<PanelArray> panels;
  for (const Linear* layer : layers) {
    const auto* matrix = std::get_if<PanelArray>(&layer->weight_);
    const bool fits = matrix != nullptr &&
                      (panels.empty() || panels[0].format.group_size == matrix->format.group_size);
    if (!fits) break;
    panels.push_back(*matrix);
  }
  std::vector<array> products;
  if (panels.size() < layers.size()) {
    for (const Linear* layer : layers) products.push_back((*layer)(x));
    return products;
  }
  products = quantized_matmul(x, panels, (*layers.begin())->exact_);
  size_t i = 0;
  for (const Linear* layer : layers) {
    products[i] = layer->add_bias(products[i]);
    ++i;
  }
  return products;
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
