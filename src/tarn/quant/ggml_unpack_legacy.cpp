// Types of 32 values a block (64 for NVFP4): a scale, perhaps a bias, and codes of which the first
// half of a block's values stand in low nibbles and the second half in high ones.
#include "tarn/quant/ggml_unpack.h"

namespace tarn::quant {
namespace {

constexpr size_t block = 32;

void nibbles(const uint8_t* from, size_t half, uint8_t* codes) {
  for (size_t i = 0; i < half; ++i) {
    codes[i] = from[i] & 15;
    codes[half + i] = from[i] >> 4;
  }
}

void add_fifth_bits(uint32_t bits, uint8_t* codes) {
  for (size_t i = 0; i < block; ++i) {
    codes[i] = static_cast<uint8_t>(codes[i] | (bits >> i & 1) << 4);
  }
}

void put(void* to, float16 value) { static_cast<float16*>(to)[0] = value; }

void q4_0(const std::byte* at, const GgmlRow& out) {
  put(out.scales, field<float16>(at));
  nibbles(bytes(at + 2), block / 2, out.codes);
}

void q4_1(const std::byte* at, const GgmlRow& out) {
  put(out.scales, field<float16>(at));
  put(out.biases, field<float16>(at + 2));
  nibbles(bytes(at + 4), block / 2, out.codes);
}

void q5_0(const std::byte* at, const GgmlRow& out) {
  put(out.scales, field<float16>(at));
  nibbles(bytes(at + 6), block / 2, out.codes);
  add_fifth_bits(field<uint32_t>(at + 2), out.codes);
}

void q5_1(const std::byte* at, const GgmlRow& out) {
  put(out.scales, field<float16>(at));
  put(out.biases, field<float16>(at + 2));
  nibbles(bytes(at + 8), block / 2, out.codes);
  add_fifth_bits(field<uint32_t>(at + 4), out.codes);
}

void q8_0(const std::byte* at, const GgmlRow& out) {
  put(out.scales, field<float16>(at));
  for (size_t i = 0; i < block; ++i) out.codes[i] = bytes(at + 2)[i] ^ 0x80;
}

void mxfp4(const std::byte* at, const GgmlRow& out) {
  static_cast<uint8_t*>(out.scales)[0] = bytes(at)[0];
  nibbles(bytes(at + 1), block / 2, out.codes);
}

// Four scales without sign, of which 0x7f stands for zero, and codes by sub-block of 16.
void nvfp4(const std::byte* at, const GgmlRow& out) {
  for (size_t i = 0; i < 4; ++i) {
    const uint8_t scale = bytes(at)[i];
    static_cast<uint8_t*>(out.scales)[i] = scale == 0x7f ? 0 : scale & 0x7f;
    nibbles(bytes(at + 4) + 8 * i, 8, out.codes + 16 * i);
  }
}

}  // namespace

UnpackBlock legacy_unpack(GgmlType type) {
  switch (type) {
    case GgmlType::q4_0:
    case GgmlType::iq4_nl:
      return q4_0;
    case GgmlType::q4_1:
      return q4_1;
    case GgmlType::q5_0:
      return q5_0;
    case GgmlType::q5_1:
      return q5_1;
    case GgmlType::q8_0:
      return q8_0;
    case GgmlType::mxfp4:
      return mxfp4;
    case GgmlType::nvfp4:
      return nvfp4;
    default:
      return nullptr;
  }
}

}  // namespace tarn::quant
