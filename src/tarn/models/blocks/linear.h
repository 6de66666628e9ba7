// Layers that are a weight matrix: dense in the checkpoint's dtype, or quantized.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "tarn/core/array.h"
#include "tarn/models/blocks/matrix.h"
#include "tarn/models/model.h"
#include "tarn/models/weights.h"

namespace tarn::blocks {

// What every block is built with.
struct Builder {
  Weights& weights;
  const ModelConfig& config;
  LoadOptions options;
  ModelSize& size;  // grows as layers are loaded
};

// A matrix that x is multiplied with, and who looks on.
class Product {
 public:
  Product(const Builder& builder, const std::string& module, int64_t outputs, int64_t inputs);

  const Matrix& matrix() const { return matrix_; }
  array operator()(const array& x) const;  // [..., inputs] -> [..., outputs]
  // The matrix to multiply x with now: its own unless a probe puts another in its place.
  Matrix matrix_for(const array& x) const;
  // What a probe puts in its place; nothing: its own.
  std::optional<Matrix> replacement() const;
  bool probed() const { return options_.probe != nullptr; }
  const LoadOptions& options() const { return options_; }

 private:
  Matrix matrix_;
  LoadOptions options_;
  std::string module_;  // of a probe: the name in the checkpoint
};

// y = x W^T + b. W is [outputs, inputs].
class Linear {
 public:
  // `module` names tensors "<module>.weight" and, with `bias`, "<module>.bias".
  Linear(const Builder& builder, const std::string& module, int64_t outputs, int64_t inputs,
         bool bias);

  array operator()(const array& x) const;  // [..., inputs] -> [..., outputs]

  // Several layers on the same x, in one step where their formats allow it.
  static std::vector<array> together(const array& x, std::initializer_list<const Linear*> layers);

 private:
  array add_bias(const array& y) const;
  Product weight_;
  std::optional<array> bias_;
};

// Rows of a table, and the same table as an output projection (tied embeddings).
class Embedding {
 public:
  Embedding(const Builder& builder, const std::string& module, int64_t rows, int64_t columns,
            bool tied);

  array operator()(const array& ids) const;  // [...] -> [..., columns] float32
  array project(const array& x) const;       // [..., columns] -> [..., rows]

 private:
  Product weight_;
};

}  // namespace tarn::blocks
