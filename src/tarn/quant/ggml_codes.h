// Putting other codes into blocks of GGUF's types whose scales stand.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tarn/quant/ggml_type.h"

namespace tarn::quant {

// Of a code, where a code may be chosen for each value alone; 0 for the other types.
int ggml_free_code_bits(GgmlType type);
// Codes of a block's values, in their order, to the block; of types with free codes. A code is what
// the block stores: of Q4_0 0 to 15, of which 8 stands for 0.
void ggml_set_codes(GgmlType type, const uint8_t* codes, std::byte* block);

}  // namespace tarn::quant
