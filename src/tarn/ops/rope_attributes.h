#pragma once

namespace tarn {

// Operands of rope: x, inv_freq, offset. token_major: the output is stored as [B, T, H, D].
struct RopeAttributes {
  bool traditional;
  float scaling;
  bool token_major;
};

}  // namespace tarn
