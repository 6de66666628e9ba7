// What a model is read from: a folder in Hugging Face layout, or a GGUF file, which is presented in
// the same terms.
#pragma once

#include <filesystem>
#include <string>

#include "tarn/io/checkpoint.h"

namespace tarn {

// The text of config.json. `path`: the model, or a config.json itself.
std::string read_config_json(const std::filesystem::path& path);
// The file that it was, or would have been, read from: for messages.
std::filesystem::path config_path(const std::filesystem::path& path);
// The tensors of the model, or of a .safetensors file.
Checkpoint open_checkpoint(const std::filesystem::path& path);

}  // namespace tarn
