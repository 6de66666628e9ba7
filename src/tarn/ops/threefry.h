// The Threefry-2x32 block function with 20 rounds (Salmon, Moraes, Dror and Shaw, "Parallel random
// numbers: as easy as 1, 2, 3", 2011).
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace tarn {

using ThreefryWords = std::array<uint32_t, 2>;

inline ThreefryWords threefry2x32(ThreefryWords key, ThreefryWords counter) {
  constexpr int rotations[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
  const uint32_t keys[3] = {key[0], key[1], key[0] ^ key[1] ^ 0x1bd11bdaU};
  uint32_t a = counter[0] + keys[0];
  uint32_t b = counter[1] + keys[1];
  for (uint32_t group = 0; group < 5; ++group) {
    for (const int rotation : rotations[group % 2]) {
      a += b;
      b = std::rotl(b, rotation) ^ a;
    }
    a += keys[(group + 1) % 3];
    b += keys[(group + 2) % 3] + group + 1;
  }
  return {a, b};
}

}  // namespace tarn
