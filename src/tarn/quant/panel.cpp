#include "tarn/quant/panel.h"

#include <bit>
#include <cstring>
#include <utility>

#include "tarn/base/error.h"

namespace tarn::quant {
namespace {

static_assert(std::endian::native == std::endian::little, "panels are little-endian");
static_assert(sizeof(float) == 4 && sizeof(float16) == 2 && sizeof(bfloat16) == 2);

size_t scale_bytes(ScaleType type) { return type == ScaleType::f32 ? 4 : 2; }

float load_scale(ScaleType type, const std::byte* at) {
  if (type == ScaleType::f32) {
    float value;
    std::memcpy(&value, at, sizeof(value));
    return value;
  }
  uint16_t bits;
  std::memcpy(&bits, at, sizeof(bits));
  return type == ScaleType::f16 ? to_float(float16{bits}) : to_float(bfloat16{bits});
}

size_t checked_product(size_t a, size_t b, const char* what) {
  size_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) {
    fail(ErrorCode::invalid_argument, "panels: {} times {} {} overflows; check the matrix's shape",
         a, b, what);
  }
  return product;
}

// Adds a plane's bits to the 32 codes of one row of a block. Returns the end of the plane.
const uint8_t* unpack_plane(const uint8_t* plane, int row, int shift, int width, uint8_t* codes) {
  const int mask = (1 << width) - 1;
  const int tiles_per_vector = 8 / width;
  for (int v = 0; v < width; ++v) {
    for (int s = 0; s < tiles_per_vector; ++s) {
      for (int i = 0; i < tile_inputs; ++i) {
        const int bits = plane[row * tile_inputs + i] >> (width * s) & mask;
        *codes = static_cast<uint8_t>(*codes | bits << shift);
        ++codes;
      }
    }
    plane += tile_bytes;
  }
  return plane;
}

// One 32-bit word for each row of a panel. Everything below is plain arithmetic on all 16 lanes, a
// form that compilers turn into vector instructions of whatever width there is.
using Lanes = uint32_t[panel_rows];

constexpr uint32_t low_bits(int count) { return (uint64_t{1} << count) - 1; }

// The words of one block, turned: words[k][row] is word k of a row. Rows from `used` on are zero.
template <int bits>
void load_block(const uint32_t* codes, size_t row_words, size_t used, Lanes (&words)[bits]) {
  const auto load_row = [&](size_t row) {
    for (size_t k = 0; k < bits; ++k) words[k][row] = codes[row * row_words + k];
  };
  if (used == panel_rows) {
    for (size_t row = 0; row < panel_rows; ++row) load_row(row);
  } else {
    std::memset(words, 0, sizeof(words));
    for (size_t row = 0; row < used; ++row) load_row(row);
  }
}

// Tile `t` of a block: the four codes of a row, one a byte.
template <int bits, int t>
void expand_tile(const Lanes (&words)[bits], Lanes& tile) {
  constexpr int first = 4 * bits * t;  // in the bit stream of the block
  constexpr int word = first / 32;
  constexpr int shift = first % 32;
  constexpr uint32_t pair = low_bits(2 * bits);
  constexpr uint32_t single = low_bits(bits) * 0x00010001U;
  for (size_t row = 0; row < panel_rows; ++row) {
    uint32_t x = words[word][row] >> shift;
    if constexpr (shift + 4 * bits > 32) x |= words[word + 1][row] << (32 - shift);
    if constexpr (bits < 8) {
      x = (x & pair) | (x >> (2 * bits) & pair) << 16;
      x = (x & single) | (x >> bits & single) << 8;
    }
    tile[row] = x;
  }
}

// Bits [shift, shift + width) of the codes of 8 tiles.
template <int shift, int width>
void pack_plane(const Lanes (&tiles)[block_tiles], uint8_t* out) {
  constexpr uint32_t mask = low_bits(width) * 0x01010101U;
  constexpr int tiles_per_vector = 8 / width;
  for (int v = 0; v < width; ++v) {
    Lanes vector = {};
    for (int s = 0; s < tiles_per_vector; ++s) {
      const Lanes& tile = tiles[v * tiles_per_vector + s];
      for (size_t row = 0; row < panel_rows; ++row) {
        vector[row] |= (tile[row] >> shift & mask) << (width * s);
      }
    }
    std::memcpy(out, vector, sizeof(vector));
    out += tile_bytes;
  }
}

// `codes`: the first row's word where the block begins.
template <int bits>
void pack_block(const uint32_t* codes, size_t row_words, size_t used, uint8_t* out) {
  Lanes words[bits];
  load_block<bits>(codes, row_words, used, words);
  Lanes tiles[block_tiles];
  [&]<int... t>(std::integer_sequence<int, t...>) { (expand_tile<bits, t>(words, tiles[t]), ...); }
  (std::make_integer_sequence<int, block_tiles>());
  constexpr int low = low_plane_bits(bits);
  pack_plane<0, low>(tiles, out);
  if constexpr (low < bits) pack_plane<low, bits - low>(tiles, out + low * tile_bytes);
}

using PackBlock = void (*)(const uint32_t*, size_t, size_t, uint8_t*);

PackBlock pack_block_of(int bits) {
  switch (bits) {
    case 2:
      return pack_block<2>;
    case 3:
      return pack_block<3>;
    case 4:
      return pack_block<4>;
    case 5:
      return pack_block<5>;
    case 6:
      return pack_block<6>;
    default:
      return pack_block<8>;
  }
}

// Scale `group` of each row: out[row] = from[row * groups + group].
template <typename T>
void pack_scales(const void* from, size_t groups, size_t group, size_t used, uint8_t* out) {
  T values[panel_rows] = {};
  const T* at = static_cast<const T*>(from) + group;
  for (size_t row = 0; row < used; ++row) values[row] = at[row * groups];
  std::memcpy(out, values, sizeof(values));
}

}  // namespace

void check_panel(const PanelFormat& format, size_t inputs) {
  check_affine({format.bits, format.group_size}, inputs);
  if (format.scale_type > ScaleType::bf16) {
    fail(ErrorCode::invalid_argument, "panels: scale type {} is unknown; use f32, f16 or bf16",
         static_cast<int>(format.scale_type));
  }
}

size_t panel_group_bytes(const PanelFormat& format) {
  const auto codes = static_cast<size_t>(panel_rows * format.group_size * format.bits / 8);
  return 2 * panel_rows * scale_bytes(format.scale_type) + codes;
}

size_t panel_stride(const PanelFormat& format, size_t inputs) {
  check_panel(format, inputs);
  return checked_product(inputs / static_cast<size_t>(format.group_size), panel_group_bytes(format),
                         "bytes a group");
}

size_t panel_count(size_t rows) { return rows / panel_rows + (rows % panel_rows != 0 ? 1 : 0); }

size_t packed_size(const PanelFormat& format, size_t rows, size_t inputs) {
  return checked_product(panel_count(rows), panel_stride(format, inputs), "bytes a panel");
}

void pack_affine(const PanelFormat& format, size_t rows, size_t inputs, const uint32_t* codes,
                 const void* scales, const void* biases, std::byte* panels, size_t first_panel,
                 size_t last_panel) {
  const size_t stride = panel_stride(format, inputs);
  if (last_panel > panel_count(rows)) {
    fail(ErrorCode::invalid_argument,
         "panels: panel {} is asked for, a matrix of {} rows has {}; pass a range within",
         last_panel - 1, rows, panel_count(rows));
  }
  if (reinterpret_cast<uintptr_t>(panels) % panel_alignment != 0) {
    fail(ErrorCode::invalid_argument, "panels: the buffer is not aligned to {} bytes; align it",
         panel_alignment);
  }
  const size_t row_words = packed_words(inputs, format.bits);
  const auto group_size = static_cast<size_t>(format.group_size);
  const size_t groups = inputs / group_size;
  const size_t scale_size = scale_bytes(format.scale_type);
  const size_t group_blocks = group_size / block_inputs;
  const size_t block_bytes = static_cast<size_t>(format.bits) * tile_bytes;
  const PackBlock pack = pack_block_of(format.bits);
  const auto pack_row_scales = scale_size == 4 ? pack_scales<uint32_t> : pack_scales<uint16_t>;
  for (size_t panel = first_panel; panel < last_panel; ++panel) {
    const size_t first_row = panel * panel_rows;
    const size_t used = rows - first_row < panel_rows ? rows - first_row : panel_rows;
    const uint32_t* block = codes + first_row * row_words;
    auto* out = reinterpret_cast<uint8_t*>(panels + panel * stride);
    for (size_t group = 0; group < groups; ++group) {
      for (const void* from : {scales, biases}) {
        const auto* first = static_cast<const std::byte*>(from) + first_row * groups * scale_size;
        pack_row_scales(first, groups, group, used, out);
        out += panel_rows * scale_size;
      }
      for (size_t i = 0; i < group_blocks; ++i) {
        pack(block, row_words, used, out);
        block += format.bits;
        out += block_bytes;
      }
    }
  }
}

void unpack_row(const PanelFormat& format, size_t inputs, const std::byte* panels, size_t row,
                float* out) {
  const std::byte* at = panels + row / panel_rows * panel_stride(format, inputs);
  const auto lane = row % panel_rows;
  const size_t scale_size = scale_bytes(format.scale_type);
  const int low = low_plane_bits(format.bits);
  for (size_t first = 0; first < inputs; first += static_cast<size_t>(format.group_size)) {
    const float scale = load_scale(format.scale_type, at + lane * scale_size);
    const float bias = load_scale(format.scale_type, at + (panel_rows + lane) * scale_size);
    at += 2 * panel_rows * scale_size;
    for (int block = 0; block < format.group_size; block += block_inputs) {
      uint8_t codes[block_inputs] = {};
      const auto* planes = reinterpret_cast<const uint8_t*>(at);
      const int r = static_cast<int>(lane);
      planes = unpack_plane(planes, r, 0, low, codes);
      if (low < format.bits) unpack_plane(planes, r, low, format.bits - low, codes);
      for (const uint8_t code : codes) *out++ = static_cast<float>(code) * scale + bias;
      at += static_cast<ptrdiff_t>(format.bits) * tile_bytes;
    }
  }
}

}  // namespace tarn::quant
