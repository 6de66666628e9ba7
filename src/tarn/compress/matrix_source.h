// Dense weight matrices of a checkpoint, read by rows.
#pragma once

#include <cstdint>
#include <string>

#include "tarn/core/array.h"
#include "tarn/io/safetensors.h"

namespace tarn::compress {

// Rows [first, last) of a dense matrix (F32, F16 or BF16) in its own type: the file's bytes in
// place where they are aligned.
array matrix_rows(const TensorInfo& info, int64_t first, int64_t last);
array whole_matrix(const TensorInfo& info);

// Why no format can store the weights ("holds NaN or infinite weights"); empty: nothing is wrong.
// Reads all of them.
std::string unusable_weights(const TensorInfo& info);

// The evaluated values of a contiguous array.
std::span<const std::byte> bytes_of(const array& a);

}  // namespace tarn::compress
