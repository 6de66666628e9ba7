// Tensors of a checkpoint as float32, whatever they are stored as.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tarn/io/checkpoint.h"
#include "tarn/models/config.h"
#include "tarn/models/stored_matrix.h"

namespace tarn::compress {

// One tensor, or the matrix that several tensors describe together.
class TensorValues {
 public:
  // `info` is a tensor of the checkpoint; of a quantized matrix its ".weight".
  TensorValues(const Checkpoint& checkpoint, const ModelConfig& config, const TensorInfo& info);

  const std::vector<int64_t>& shape() const { return shape_; }  // of the values
  int64_t rows() const { return shape_.empty() ? 1 : shape_[0]; }
  int64_t row_values() const;
  // How the values are stored: nothing for a quantized matrix.
  std::optional<StorageType> dense_type() const;
  const StoredMatrix* quantized() const { return matrix_ ? &*matrix_ : nullptr; }

  // Rows [first, last), row-major. `first` is a multiple of 16.
  std::vector<float> read(int64_t first, int64_t last) const;

 private:
  TensorInfo info_;
  std::optional<StoredMatrix> matrix_;
  std::vector<int64_t> shape_;
};

// Tensors that are parts of a quantized matrix beside its ".weight".
bool is_side_part(const Checkpoint& checkpoint, const ModelConfig& config, const TensorInfo& info);

}  // namespace tarn::compress
