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

Product::Product(const Builder& builder, const std::string& module, int64_t outputs, int64_t inputs)
    : matrix_(load_matrix(builder, module, outputs, inputs)), options_(builder.options) {
  if (probed()) module_ = builder.weights.full_module(module);
}

std::optional<Matrix> Product::replacement() const {
  if (!probed()) return std::nullopt;
  return options_.probe->matrix(module_);
}

Matrix Product::matrix_for(const array& x) const {
  if (!probed()) return matrix_;
  options_.probe->input(module_, x);
  return replacement().value_or(matrix_);
}

array Product::operator()(const array& x) const {
  return multiply_by(probed() ? matrix_for(x) : matrix_, x, options_);
}

Linear::Linear(const Builder& builder, const std::string& module, int64_t outputs, int64_t inputs,
               bool bias)
    : weight_(builder, module, outputs, inputs) {
  if (bias) bias_ = builder.weights.get_f32(module + ".bias", {outputs});
  builder.size.bytes_per_token += bytes_of(weight_.matrix());
}

array Linear::operator()(const array& x) const { return add_bias(weight_(x)); }

array Linear::add_bias(const array& y) const { return bias_ ? y + *bias_ : y; }

std::vector<array> Linear::together(const array& x, std::initializer_list<const Linear*> layers) {
  std::vector<array> dense;
  std::vector<PanelArray> panels;
  const Product& first = (*layers.begin())->weight_;
  for (const Linear* layer : layers) {
    if (first.probed()) break;  // one by one: each may have another matrix
    if (const auto* matrix = std::get_if<array>(&layer->weight_.matrix())) {
      dense.push_back(*matrix);
    } else {
      const auto& panel = std::get<PanelArray>(layer->weight_.matrix());
      if (panels.empty() || panels[0].format.group_size == panel.format.group_size) {
        panels.push_back(panel);
      }
    }
  }
  std::vector<array> products;
  if (dense.size() == layers.size()) {
    products = linear_together(x, dense, first.options().exact_dense());
  } else if (panels.size() == layers.size()) {
    products = quantized_matmul(x, panels, first.options().exact);
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
    : weight_(builder, module, rows, columns) {
  // A token reads one row, or the whole table once more as the output projection.
  const int64_t bytes = bytes_of(weight_.matrix());
  builder.size.bytes_per_token += tied ? bytes : bytes / rows;
}

array Embedding::operator()(const array& ids) const {
  const auto rows = [&](const Matrix& matrix) {
    if (const auto* dense = std::get_if<array>(&matrix)) return embedding(ids, *dense);
    return quantized_embedding(ids, std::get<PanelArray>(matrix));
  };
  const std::optional<Matrix> other = weight_.replacement();
  return rows(other ? *other : weight_.matrix());
}

array Embedding::project(const array& x) const { return weight_(x); }

}  // namespace tarn::blocks
