// Dense weight matrices of a checkpoint, read by rows.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "tarn/io/safetensors.h"
#include "tarn/ops/coded.h"

namespace tarn::compress {

// Rows [first, last) of a dense matrix (F32, F16 or BF16) in its own type: the file's bytes in
// place where they are aligned.
array matrix_rows(const TensorInfo& info, int64_t first, int64_t last);

// Why no format can store the weights ("holds NaN or infinite weights"); empty: nothing is wrong.
// Reads all of them.
std::string unusable_weights(const TensorInfo& info);

// Encodes a matrix piece by piece, so that little of it is in memory as float32. `visit` gets the
// float32 rows [rows, columns] and what became of them, both evaluated. `importance` float32
// [columns]; nothing: all alike. corrupt, naming the tensor, when a weight is not finite.
using VisitPiece = std::function<void(const array& rows, const CodedMatrix& coded)>;
void encode_in_pieces(const TensorInfo& info, const std::shared_ptr<const quant::Codec>& codec,
                      const std::optional<array>& importance, const VisitPiece& visit);

// The evaluated values of a contiguous array.
std::span<const std::byte> bytes_of(const array& a);

}  // namespace tarn::compress
