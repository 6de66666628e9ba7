// Where the parts of a fit stand in the blocks of each type: the inverses of ggml_unpack_iq.cpp.
#include "tarn/quant/ggml_encode_grid.h"

#include <array>
#include <cstring>

#include "tarn/base/half.h"
#include "tarn/quant/ggml_grids.h"
#include "tarn/quant/grid_search.h"

namespace tarn::quant {
namespace {

using PutBlock = void (*)(const GridFit& fit, std::byte* out);

template <typename T>
void put(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof(value));
}

void put_byte(std::byte* at, unsigned value) { *at = static_cast<std::byte>(value); }
void put_word(std::byte* at, unsigned value) { put(at, static_cast<uint16_t>(value)); }

// Seven signs: the eighth makes the number of negative ones even.
unsigned seven(unsigned signs) { return signs & 127U; }

// Two levels a byte.
void put_levels(const GridFit& fit, size_t count, std::byte* out) {
  for (size_t i = 0; i < count; i += 2) {
    put_byte(out + i / 2, fit.levels[i] | static_cast<unsigned>(fit.levels[i + 1]) << 4);
  }
}

// Four groups of seven signs and a level.
uint32_t signs_and_level(const GridFit& fit, size_t group) {
  uint32_t word = static_cast<uint32_t>(fit.levels[group]) << 28;
  for (size_t l = 0; l < 4; ++l) word |= seven(fit.signs[4 * group + l]) << (7 * l);
  return word;
}

void put_iq2_xxs(const GridFit& fit, std::byte* out) {
  put(out, to_float16(fit.d));
  for (size_t g = 0; g < 8; ++g) {
    std::byte* at = out + 2 + 8 * g;
    for (size_t l = 0; l < 4; ++l) put_byte(at + l, fit.entries[4 * g + l]);
    put(at + 4, signs_and_level(fit, g));
  }
}

void put_iq2_xs(const GridFit& fit, std::byte* out) {
  put(out, to_float16(fit.d));
  for (size_t i = 0; i < 32; ++i) {
    put_word(out + 2 + 2 * i, fit.entries[i] | seven(fit.signs[i]) << 9);
  }
  put_levels(fit, 16, out + 66);
}

void put_iq2_s(const GridFit& fit, std::byte* out) {
  put(out, to_float16(fit.d));
  std::array<unsigned, 8> high{};
  for (size_t i = 0; i < 32; ++i) {
    put_byte(out + 2 + i, fit.entries[i] & 255U);
    put_byte(out + 34 + i, fit.signs[i]);
    high[i / 4] |= static_cast<unsigned>(fit.entries[i] >> 8) << (2 * (i % 4));
  }
  for (size_t i = 0; i < 8; ++i) put_byte(out + 66 + i, high[i]);
  put_levels(fit, 16, out + 74);
}

void put_iq3_xxs(const GridFit& fit, std::byte* out) {
  put(out, to_float16(fit.d));
  for (size_t i = 0; i < 64; ++i) put_byte(out + 2 + i, fit.entries[i]);
  for (size_t g = 0; g < 8; ++g) put(out + 66 + 4 * g, signs_and_level(fit, g));
}

void put_iq3_s(const GridFit& fit, std::byte* out) {
  put(out, to_float16(fit.d));
  std::array<unsigned, 8> high{};
  for (size_t i = 0; i < 64; ++i) {
    put_byte(out + 2 + i, fit.entries[i] & 255U);
    high[i / 8] |= static_cast<unsigned>(fit.entries[i] >> 8) << (i % 8);
  }
  for (size_t i = 0; i < 8; ++i) put_byte(out + 66 + i, high[i]);
  for (size_t i = 0; i < 32; ++i) put_byte(out + 74 + i, fit.signs[i]);
  put_levels(fit, 8, out + 106);
}

void put_iq1_s(const GridFit& fit, std::byte* out) {
  put(out, to_float16(fit.d));
  for (size_t i = 0; i < 32; ++i) put_byte(out + 2 + i, fit.entries[i] & 255U);
  for (size_t g = 0; g < 8; ++g) {
    unsigned word = static_cast<unsigned>(fit.levels[g]) << 12 | (fit.signs[4 * g] & 128U) << 8;
    for (size_t l = 0; l < 4; ++l) {
      word |= static_cast<unsigned>(fit.entries[4 * g + l] >> 8) << (3 * l);
    }
    put_word(out + 34 + 2 * g, word);
  }
}

void put_iq1_m(const GridFit& fit, std::byte* out) {
  for (size_t i = 0; i < 32; i += 2) {
    const auto nibble = [&](size_t at) { return fit.entries[at] >> 8 | (fit.signs[at] & 8U); };
    put_byte(out + i, fit.entries[i] & 255U);
    put_byte(out + i + 1, fit.entries[i + 1] & 255U);
    put_byte(out + 32 + i / 2, nibble(i) | nibble(i + 1) << 4);
  }
  // The float16 stands in the upper four bits of four words of levels.
  const unsigned d = to_float16(fit.d).bits;
  for (size_t i = 0; i < 4; ++i) {
    unsigned word = (d >> (4 * i) & 15U) << 12;
    for (size_t k = 0; k < 4; ++k) {
      word |= static_cast<unsigned>(fit.levels[4 * i + k]) << (3 * k);
    }
    put_word(out + 48 + 2 * i, word);
  }
}

PutBlock put_of(GgmlType type) {
  switch (type) {
    case GgmlType::iq2_xxs:
      return put_iq2_xxs;
    case GgmlType::iq2_xs:
      return put_iq2_xs;
    case GgmlType::iq2_s:
      return put_iq2_s;
    case GgmlType::iq3_xxs:
      return put_iq3_xxs;
    case GgmlType::iq3_s:
      return put_iq3_s;
    case GgmlType::iq1_s:
      return put_iq1_s;
    case GgmlType::iq1_m:
      return put_iq1_m;
    default:
      return nullptr;
  }
}

}  // namespace

bool is_grid_type(GgmlType type) { return put_of(type) != nullptr; }

void encode_grid_row(GgmlType type, size_t columns, const float* values, const float* weights,
                     std::byte* out) {
  GridSearch search(type);
  const PutBlock put_block = put_of(type);
  std::array<float, super_inputs> alike;
  alike.fill(1);
  for (size_t i = 0; i < columns; i += super_inputs) {
    put_block(search.fit(values + i, weights != nullptr ? weights + i : alike.data()), out);
    out += info(type).block_bytes;
  }
}

}  // namespace tarn::quant
