#include "tarn/quant/ggml_codes.h"

#include <cstring>

#include "tarn/base/error.h"

namespace tarn::quant {
namespace {

// Low nibbles hold the first half of 2 * half codes, high ones the second.
void put_nibbles(const uint8_t* codes, size_t half, std::byte* out) {
  for (size_t i = 0; i < half; ++i) {
    out[i] = static_cast<std::byte>((codes[i] & 15U) | (codes[i + half] & 15U) << 4);
  }
}

void put_fifth_bits(const uint8_t* codes, std::byte* out) {
  uint32_t bits = 0;
  for (size_t i = 0; i < 32; ++i) bits |= static_cast<uint32_t>(codes[i] >> 4 & 1) << i;
  std::memcpy(out, &bits, sizeof(bits));
}

// Bit 4 of 256 codes: code 32 k + i at bit k of byte i.
void put_fifth_plane(const uint8_t* codes, std::byte* out) {
  for (size_t i = 0; i < 32; ++i) {
    unsigned byte = 0;
    for (size_t k = 0; k < 8; ++k) byte |= (codes[32 * k + i] >> 4 & 1U) << k;
    out[i] = static_cast<std::byte>(byte);
  }
}

void put_super_nibbles(const uint8_t* codes, size_t half, std::byte* out) {
  for (size_t i = 0; i < 256; i += 2 * half) put_nibbles(codes + i, half, out + i / 2);
}

}  // namespace

int ggml_free_code_bits(GgmlType type) {
  switch (type) {
    case GgmlType::q4_0:
    case GgmlType::q4_1:
    case GgmlType::iq4_nl:
    case GgmlType::q4_k:
    case GgmlType::iq4_xs:
      return 4;
    case GgmlType::q5_0:
    case GgmlType::q5_1:
    case GgmlType::q5_k:
      return 5;
    case GgmlType::q8_0:
      return 8;
    default:
      return 0;
  }
}

void ggml_set_codes(GgmlType type, const uint8_t* codes, std::byte* block) {
  switch (type) {
    case GgmlType::q4_0:
    case GgmlType::iq4_nl:
      return put_nibbles(codes, 16, block + 2);
    case GgmlType::q4_1:
      return put_nibbles(codes, 16, block + 4);
    case GgmlType::q5_0:
      put_fifth_bits(codes, block + 2);
      return put_nibbles(codes, 16, block + 6);
    case GgmlType::q5_1:
      put_fifth_bits(codes, block + 4);
      return put_nibbles(codes, 16, block + 8);
    case GgmlType::q8_0:
      std::memcpy(block + 2, codes, 32);
      return;
    case GgmlType::q4_k:
      return put_super_nibbles(codes, 32, block + 16);
    case GgmlType::q5_k:
      put_fifth_plane(codes, block + 16);
      return put_super_nibbles(codes, 32, block + 48);
    case GgmlType::iq4_xs:
      return put_super_nibbles(codes, 16, block + 8);
    default:
      fail(ErrorCode::unsupported, "GGUF type {}: its codes cannot be chosen one by one",
           info(type).name);
  }
}

}  // namespace tarn::quant
