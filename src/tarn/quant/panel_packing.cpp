// Laying codes and scales out in panels: plain loops in forms that compilers turn into vectors.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "tarn/base/error.h"
#include "tarn/quant/panel.h"

namespace tarn::quant {
namespace {

static_assert(std::endian::native == std::endian::little, "panels are little-endian");

void check_alignment(const std::byte* panels) {
  if (reinterpret_cast<uintptr_t>(panels) % panel_alignment != 0) {
    fail(ErrorCode::invalid_argument, "panels: the buffer is not aligned to {} bytes; align it",
         panel_alignment);
  }
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
    case 1:
      return pack_block<1>;
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

// Tiles of 32 inputs from one byte a code; rows from `used` on are zero.
void load_tiles(const uint8_t* codes, size_t inputs, size_t used, Lanes (&tiles)[block_tiles]) {
  if (used < panel_rows) std::memset(tiles, 0, sizeof(tiles));
  for (size_t row = 0; row < used; ++row) {
    uint32_t words[block_tiles];
    std::memcpy(words, codes + row * inputs, sizeof(words));
    for (size_t t = 0; t < block_tiles; ++t) tiles[t][row] = words[t];
  }
}

template <int bits>
void pack_bytes(const uint8_t* codes, size_t inputs, size_t used, uint8_t* out) {
  Lanes tiles[block_tiles];
  load_tiles(codes, inputs, used, tiles);
  constexpr int low = low_plane_bits(bits);
  pack_plane<0, low>(tiles, out);
  if constexpr (low < bits) pack_plane<low, bits - low>(tiles, out + low * tile_bytes);
}

using PackBytes = void (*)(const uint8_t*, size_t, size_t, uint8_t*);

PackBytes pack_bytes_of(int bits) {
  constexpr PackBytes by_bits[] = {nullptr,       pack_bytes<1>, pack_bytes<2>,
                                   pack_bytes<3>, pack_bytes<4>, pack_bytes<5>,
                                   pack_bytes<6>, nullptr,       pack_bytes<8>};
  return by_bits[bits];
}

// Value `group` of each row, `size` bytes each.
void pack_values(const void* from, size_t size, size_t groups, size_t group, size_t used,
                 uint8_t* out) {
  switch (size) {
    case 1:
      return pack_scales<uint8_t>(from, groups, group, used, out);
    case 2:
      return pack_scales<uint16_t>(from, groups, group, used, out);
    default:
      return pack_scales<uint32_t>(from, groups, group, used, out);
  }
}

// Groups [first, last) of a segment.
void pack_segment_header(const PanelFormat& format, size_t inputs, const PanelRows& rows,
                         size_t first, size_t last, uint8_t* out) {
  const size_t groups = inputs / static_cast<size_t>(format.group_size);
  const size_t scale_size = scale_type_bytes(format.scale_type);
  const auto put = [&](const void* from, size_t size, size_t of, size_t index) {
    pack_values(from, size, of, index, rows.rows, out);
    out += panel_rows * size;
  };
  switch (format.scales) {
    case ScaleKind::group:
      for (size_t group = first; group < last; ++group) {
        put(rows.scales, scale_size, groups, group);
        if (format.bias == BiasKind::stored) put(rows.biases, scale_size, groups, group);
      }
      break;
    case ScaleKind::super: {
      const size_t supers = inputs / super_inputs;
      const size_t super = first * static_cast<size_t>(format.group_size) / super_inputs;
      put(rows.d, sizeof(float16), supers, super);
      if (format.bias == BiasKind::mins) put(rows.dmin, sizeof(float16), supers, super);
      for (size_t group = first; group < last; ++group) put(rows.scales, 1, groups, group);
      if (format.bias != BiasKind::mins) break;
      for (size_t group = first; group < last; ++group) put(rows.biases, 1, groups, group);
      break;
    }
    case ScaleKind::row:
      break;
  }
}

// The largest magnitude of float8 codes; NaN when one is not finite. Magnitudes are ordered like
// the bits that they are made of.
float largest_float8(CodeValues values, size_t inputs, const PanelRows& rows) {
  uint8_t largest = 0;
  for (size_t i = 0; i < rows.rows * inputs; ++i) {
    largest = std::max<uint8_t>(largest, rows.codes[i] & 0x7f);
  }
  if (values == CodeValues::e4m3) return to_float(float8_e4m3{largest});
  const float magnitude = to_float(float16{static_cast<uint16_t>(largest << 8)});
  return std::isfinite(magnitude) ? magnitude : std::numeric_limits<float>::quiet_NaN();
}

void pack_panel_header(const PanelFormat& format, size_t inputs, const PanelRows& rows,
                       const PanelLayout& layout, uint8_t* out) {
  std::memset(out, 0, layout.panel_header);
  const size_t entries = size_t{1} << format.bits;
  switch (format.values) {
    case CodeValues::linear:
      break;
    case CodeValues::table_i8:
      for (size_t i = 0; i < entries; ++i) {
        out[i] = static_cast<uint8_t>(static_cast<const uint8_t*>(rows.table)[i] ^ 0x80);
      }
      break;
    case CodeValues::table_f16:
      std::memcpy(out, rows.table, entries * sizeof(float16));
      break;
    case CodeValues::e4m3:
    case CodeValues::e5m2: {
      const float largest = largest_float8(format.values, inputs, rows);
      std::memcpy(out, &largest, sizeof(largest));
      break;
    }
  }
  if (format.scales == ScaleKind::row) {
    std::memcpy(out + layout.table, rows.scales, rows.rows * sizeof(float));
  }
}

void check_panel_rows(const PanelFormat& format, const PanelRows& rows, const std::byte* panel) {
  const bool table =
      format.values == CodeValues::table_i8 || format.values == CodeValues::table_f16;
  const char* missing = rows.codes == nullptr                                       ? "codes"
                        : rows.scales == nullptr                                    ? "scales"
                        : format.bias != BiasKind::offset && rows.biases == nullptr ? "biases"
                        : format.scales == ScaleKind::super && rows.d == nullptr    ? "d"
                        : format.bias == BiasKind::mins && rows.dmin == nullptr     ? "dmin"
                        : table && rows.table == nullptr                            ? "a table"
                                                                                    : nullptr;
  if (missing != nullptr) {
    fail(ErrorCode::invalid_argument,
         "panels: the rows come without {}, which their format has; give it", missing);
  }
  if (rows.rows < 1 || rows.rows > panel_rows) {
    fail(ErrorCode::invalid_argument, "panels: {} rows do not make a panel; give 1 to {}",
         rows.rows, panel_rows);
  }
  check_alignment(panel);
}

}  // namespace

void pack_affine(const PanelFormat& format, size_t rows, size_t inputs, const uint32_t* codes,
                 const void* scales, const void* biases, std::byte* panels, size_t first_panel,
                 size_t last_panel) {
  const size_t stride = panel_stride(format, inputs);
  if (format.bias != BiasKind::stored || format.values != CodeValues::linear) {
    fail(ErrorCode::invalid_argument,
         "panels: an affine matrix goes to panels with stored biases; use pack_panel for others");
  }
  if (last_panel > panel_count(rows)) {
    fail(ErrorCode::invalid_argument,
         "panels: panel {} is asked for, a matrix of {} rows has {}; pass a range within",
         last_panel - 1, rows, panel_count(rows));
  }
  check_alignment(panels);
  const size_t row_words = packed_words(inputs, format.bits);
  const auto group_size = static_cast<size_t>(format.group_size);
  const size_t groups = inputs / group_size;
  const size_t scale_size = scale_type_bytes(format.scale_type);
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

void pack_panel(const PanelFormat& format, size_t inputs, const PanelRows& rows, std::byte* panel) {
  const PanelLayout layout = panel_layout(format, inputs);
  check_panel_rows(format, rows, panel);
  const auto group_size = static_cast<size_t>(format.group_size);
  const size_t block_bytes = static_cast<size_t>(format.bits) * tile_bytes;
  const PackBytes pack = pack_bytes_of(format.bits);
  auto* out = reinterpret_cast<uint8_t*>(panel);
  pack_panel_header(format, inputs, rows, layout, out);
  out += layout.panel_header;
  for (size_t first = 0; first < inputs; first += layout.segment_inputs) {
    const size_t last = std::min(first + layout.segment_inputs, inputs);
    std::memset(out, 0, layout.segment_header);
    pack_segment_header(format, inputs, rows, first / group_size, last / group_size, out);
    out += layout.segment_header;
    for (size_t at = first; at < last; at += block_inputs) {
      pack(rows.codes + at, inputs, rows.rows, out);
      out += block_bytes;
    }
  }
}

}  // namespace tarn::quant
