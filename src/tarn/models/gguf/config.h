// A GGUF file's metadata as the config.json of the same model.
#pragma once

#include <string>

#include "tarn/io/gguf.h"

namespace tarn::gguf {

// A text that parse_model_config reads; quantized tensors are stated in its "quantization".
// unsupported: an architecture that Tarn does not run; corrupt: a key that the architecture needs
// is missing or of another kind. Messages name the key.
std::string config_json(const GgufFile& file);

}  // namespace tarn::gguf
