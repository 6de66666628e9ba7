// The names of tensors in GGUF files and in Hugging Face checkpoints.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tarn/models/config.h"

namespace tarn::gguf {

// The value of "general.architecture" for a family, and back. Mistral models say "llama".
std::string_view architecture_of(ModelFamily family);
std::optional<ModelFamily> family_of(std::string_view architecture);
std::string known_architectures();  // "llama, qwen2, ..."

// "blk.3.attn_q.weight" -> "model.layers.3.self_attn.q_proj.weight". Nothing for a tensor that the
// family does not have.
std::optional<std::string> hugging_face_name(ModelFamily family, std::string_view gguf_name);
// The reverse. The name begins with "model." or "lm_head.".
std::optional<std::string> gguf_name(ModelFamily family, std::string_view hugging_face_name);

}  // namespace tarn::gguf
