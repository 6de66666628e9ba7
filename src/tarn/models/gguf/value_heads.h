// Value heads of gated delta nets. Hugging Face has those of one key head side by side, GGUF files
// one of each key head in turn.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tarn/models/config.h"

namespace tarn::gguf {

// Which row (or column) of the tensor with grouped heads is row (or column) i of the one with tiled
// heads, or with `to_grouped` the reverse. Empty: the tensor stays as it is. `name` is Hugging
// Face's.
std::vector<uint32_t> value_head_rows(const LinearAttentionConfig& dims, std::string_view name,
                                      int64_t rows, bool to_grouped);
std::vector<uint32_t> value_head_columns(const LinearAttentionConfig& dims, std::string_view name,
                                         int64_t columns, bool to_grouped);

}  // namespace tarn::gguf
