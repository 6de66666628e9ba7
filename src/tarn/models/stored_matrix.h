// A quantized matrix as a checkpoint stores it: which tensors are its parts, checked.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tarn/io/checkpoint.h"
#include "tarn/ops/coded.h"

namespace tarn {

struct StoredMatrix {
  std::string module;  // "model.layers.0.mlp.up_proj"
  std::shared_ptr<const quant::Codec> codec;
  int64_t rows = 0;
  int64_t columns = 0;
  std::vector<TensorInfo> parts;  // the codec's
};

// The matrix of `module`, whose full name in the checkpoint this is, in `format`; its shape follows
// from its first part. corrupt: a part is missing or does not fit the others; the message names
// it. unsupported: a format that Tarn does not compute with.
StoredMatrix stored_matrix(const Checkpoint& checkpoint, const std::string& module,
                           const quant::Format& format);

// Whether `module` has quantized weights in the checkpoint, whatever its config says.
bool has_quantized_weights(const Checkpoint& checkpoint, const std::string& module);

// Rows [first, last) as a matrix of their own; both are multiples of the codec's piece, or the end.
// In place where the file has them aligned, else copied.
CodedMatrix coded_rows(const StoredMatrix& matrix, int64_t first, int64_t last);

StorageType storage_type(quant::PartType type);

}  // namespace tarn
