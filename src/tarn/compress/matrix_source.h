// Dense weight matrices of a checkpoint, read by rows.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tarn/io/safetensors.h"
#include "tarn/ops/coded.h"

namespace tarn::compress {

// Rows [first, last) of a dense matrix (F32, F16 or BF16) in its own type: the file's bytes in
// place where they are aligned.
array matrix_rows(const TensorInfo& info, int64_t first, int64_t last);

// Why no format can store the weights ("holds NaN or infinite weights"); empty: nothing is wrong.
// Reads all of them.
std::string unusable_weights(const TensorInfo& info);

// corrupt, naming the tensor, when a weight is not finite.
void check_finite(const array& weights, const std::string& name);

// What a matrix is multiplied with before it is rounded; null: nothing.
struct MatrixScales {
  const std::vector<float>* columns = nullptr;  // [columns]
  const std::vector<float>* rows = nullptr;     // [rows]
};
// Rows [first, last) as float32, scaled.
array scaled_rows(const TensorInfo& info, int64_t first, int64_t last, const MatrixScales& scales);

// Encodes a matrix piece by piece, so that little of it is in memory as float32. `visit` gets the
// scaled float32 rows [rows, columns] and what became of them, both evaluated. `importance` float32
// [columns]; nothing: all alike. corrupt, naming the tensor, when a weight is not finite.
using VisitPiece = std::function<void(const array& rows, const CodedMatrix& coded)>;
void encode_in_pieces(const TensorInfo& info, const std::shared_ptr<const quant::Codec>& codec,
                      const std::optional<array>& importance, const VisitPiece& visit,
                      const MatrixScales& scales = {});

// The evaluated values of a contiguous array.
std::span<const std::byte> bytes_of(const array& a);

}  // namespace tarn::compress
