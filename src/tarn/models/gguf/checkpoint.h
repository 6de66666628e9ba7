// A GGUF file's tensors under the names, in the shapes and in the order of rows that a Hugging Face
// checkpoint of the same model has. Nothing is copied: what has to be computed is described.
#pragma once

#include "tarn/io/checkpoint.h"
#include "tarn/io/gguf.h"

namespace tarn::gguf {

// Quantized matrices are U8 [rows, bytes of a row]. Tensors that the family does not know keep
// their names, so that the loader can say that it left them out. Errors as config_json().
Checkpoint open_checkpoint(const GgufFile& file);

}  // namespace tarn::gguf
