// The codec of GGUF's block formats (quant/ggml_blocks.h).
#pragma once

#include <memory>
#include <vector>

#include "tarn/quant/codec.h"

namespace tarn::quant {

// Which stored row is row i of the matrix; rows may stand in another order in a file.
using RowOrder = std::vector<uint32_t>;

// `order`: as many rows as the matrices have, each once; null: as they stand. encode() writes rows
// as they stand. The type is one of quantized weights.
std::shared_ptr<const Codec> make_ggml_codec(GgmlType type,
                                             std::shared_ptr<const RowOrder> order = {});

}  // namespace tarn::quant
