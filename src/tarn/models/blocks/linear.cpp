#include "tarn/models/blocks/linear.h"

#include "tarn/ops/elementwise.h"
#include "tarn/ops/embedding.h"
#include "tarn/ops/matmul.h"

namespace tarn::blocks {
namespace {

array multiply_by(const Matrix& matrix, const array& x, const LoadOptions& options) {
  if (const auto* dense = std::get_if<array>(&matrix))
    return linear(x, *dense, std::nullopt, options.exact_dense());
  return quantized_matmul(x, std::get<PanelArray>(matrix), options.exact);
}

}  // namespace

Linear::Linear(const Builder& builder, const std::string& module, int64_t outputs, int64_t inputs,
               bool bias)
    : weight_(load_matrix(builder, module, outputs, inputs)), options_(builder.options) {
  if (bias) bias_ = builder.weights.get_f32(module + ".bias", {outputs});
  builder.size.bytes_per_token += bytes_of(weight_);
}

array Linear::operator()(const array& x) const {
  return add_bias(multiply_by(weight_, x, options_));
}

array Linear::add_bias(const array& y) const { return bias_ ? y + *bias_ : y; }

std::vector<array> Linear::together(const array& x, std::initializer_list<const Linear*> layers) {
  std::vector<array> dense;
  std::vector<PanelArray> panels;
  for (const Linear* layer : layers) {
    if (const auto* matrix = std::get_if<array>(&layer->weight_)) {
      dense.push_back(*matrix);
    } else {
      const auto& panel = std::get<PanelArray>(layer->weight_);
      if (panels.empty() || panels[0].format.group_size == panel.format.group_size) {
        panels.push_back(panel);
      }
    }
  }
  std::vector<array> products;
  if (dense.size() == layers.size()) {
    products = linear_together(x, dense, (*layers.begin())->options_.exact_dense());
  } else if (panels.size() == layers.size()) {
    products = quantized_matmul(x, panels, (*layers.begin())->options_.exact);
  } else {
    for (const Linear* layer : layers) products.push_back((*layer)(x));
    return products;
  }
  size_t i = 0;
  for (const Linear* layer : layers) {
    products[i] = layer->add_bias(products[i]);
    ++i;
  }
  return products;
}

Embedding::Embedding(const Builder& builder, const std::string& module, int64_t rows,
                     int64_t columns, bool tied)
    : weight_(load_matrix(builder, module, rows, columns)), options_(builder.options) {
  // A token reads one row, or the whole table once more as the output projection.
  builder.size.bytes_per_token += tied ? bytes_of(weight_) : bytes_of(weight_) / rows;
}

array Embedding::operator()(const array& ids) const {
  if (const auto* dense = std::get_if<array>(&weight_)) return embedding(ids, *dense);
  return quantized_embedding(ids, std::get<PanelArray>(weight_));
}

array Embedding::project(const array& x) const { return multiply_by(weight_, x, options_); }

}  // namespace tarn::blocks
