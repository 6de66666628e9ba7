#include "tarn/quant/panel.h"

#include <bit>
#include <cstring>
#include <vector>

#include "tarn/base/error.h"

namespace tarn::quant {
namespace {

static_assert(std::endian::native == std::endian::little, "panels are little-endian");
static_assert(sizeof(float) == 4 && sizeof(float16) == 2 && sizeof(bfloat16) == 2);

using Tile = uint8_t[tile_bytes];

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

// Bits [shift, shift + width) of the codes of 8 tiles. Returns the end of the plane.
uint8_t* pack_plane(const Tile* tiles, int shift, int width, uint8_t* out) {
  const int mask = (1 << width) - 1;
  const int tiles_per_vector = 8 / width;
  for (int v = 0; v < width; ++v) {
    std::memset(out, 0, tile_bytes);
    for (int s = 0; s < tiles_per_vector; ++s) {
      const Tile& tile = tiles[v * tiles_per_vector + s];
      for (int i = 0; i < tile_bytes; ++i) {
        out[i] = static_cast<uint8_t>(out[i] | ((tile[i] >> shift & mask) << (width * s)));
      }
    }
    out += tile_bytes;
  }
  return out;
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

// row_codes: one byte a code, [16, inputs]; first: the block's first input.
uint8_t* pack_block(int bits, const uint8_t* row_codes, size_t inputs, size_t first, uint8_t* out) {
  Tile tiles[block_tiles];
  for (size_t t = 0; t < block_tiles; ++t) {
    for (size_t row = 0; row < panel_rows; ++row) {
      std::memcpy(&tiles[t][row * tile_inputs], row_codes + row * inputs + first + t * tile_inputs,
                  tile_inputs);
    }
  }
  const int low = low_plane_bits(bits);
  out = pack_plane(tiles, 0, low, out);
  if (low < bits) out = pack_plane(tiles, low, bits - low, out);
  return out;
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
  std::vector<uint8_t> row_codes(panel_rows * inputs);
  for (size_t panel = first_panel; panel < last_panel; ++panel) {
    const size_t first_row = panel * panel_rows;
    const size_t used = rows - first_row < panel_rows ? rows - first_row : panel_rows;
    std::memset(row_codes.data() + used * inputs, 0, (panel_rows - used) * inputs);
    for (size_t i = 0; i < used; ++i) {
      unpack_codes(format.bits, inputs, codes + (first_row + i) * row_words,
                   row_codes.data() + i * inputs);
    }
    auto* out = reinterpret_cast<uint8_t*>(panels + panel * stride);
    for (size_t group = 0; group < groups; ++group) {
      for (const void* from : {scales, biases}) {
        std::memset(out, 0, panel_rows * scale_size);
        for (size_t i = 0; i < used; ++i) {
          const size_t at = ((first_row + i) * groups + group) * scale_size;
          std::memcpy(out + i * scale_size, static_cast<const std::byte*>(from) + at, scale_size);
        }
        out += panel_rows * scale_size;
      }
      const size_t first = group * group_size;
      for (size_t i = first; i < first + group_size; i += block_inputs) {
        out = pack_block(format.bits, row_codes.data(), inputs, i, out);
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
