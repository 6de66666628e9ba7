// The kinds of tokens that GGUF tells apart.
#pragma once

#include <cstdint>

namespace tarn::text::gguf {

enum class TokenType : int32_t {
  normal = 1,
  unknown = 2,
  control = 3,       // special: stands for itself, is not shown
  user_defined = 4,  // stands for itself and is shown
  unused = 5,
  byte = 6,  // "<0x0A>"
};

}  // namespace tarn::text::gguf
