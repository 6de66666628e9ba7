// Panels: quantized weights laid out for the matrix product.
//
// 16 rows (outputs) make a panel, so that one vector lane is one row and no sum crosses lanes. A
// panel is one contiguous stream, read front to back exactly once by a product, with the scales
// ahead of the codes they serve. Panels follow each other; rows of the last one beyond the matrix
// are zero. Panel of [16 rows, K inputs]:
//   for each group of group_size inputs:
//     16 scales, 16 biases        in the checkpoint's own type: packing loses nothing
//     group_size / 32 blocks of   bits * 64 bytes: 32 inputs of 16 rows
// A block is 8 tiles of 4 inputs. Expanded, a tile is 64 bytes, byte [4 * row + input], unsigned:
// what an instruction like VPDPBUSD multiplies with 4 broadcast activations. Packed, the bits of a
// code are split into a low plane (2, 4 or 8 bits) and a high plane (1 or 2 bits, for 3, 5 and 6).
// A plane of w bits takes w vectors of 64 bytes a block, low plane first. Byte i of its vector v
// holds byte i of the tiles v * 8/w + s at bits w*s, for s = 0 .. 8/w - 1: a tile comes back with
// one shift and one mask a plane.
//
// What the products know of a format is: bytes a group, how 16 scales and biases are read, and how
// a block expands into 8 tiles of unsigned bytes u with the value u * scale + bias. A format with
// signed values (a table, a symmetric block) fits with u = value + 128 and bias = -128 * scale.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tarn/quant/affine.h"

namespace tarn::quant {

inline constexpr int panel_rows = 16;
inline constexpr int tile_inputs = 4;
inline constexpr int tile_bytes = panel_rows * tile_inputs;
inline constexpr int block_tiles = 8;
inline constexpr int block_inputs = block_tiles * tile_inputs;
inline constexpr size_t panel_alignment = 64;
static_assert(tile_bytes == panel_alignment && block_inputs == 32);

// What number a code stands for.
enum class CodeValues : uint8_t {
  linear,     // the code itself: 0 .. 2^bits - 1
  table_i8,   // an entry of the panel's table of 2^bits signed bytes
  table_f16,  // an entry of the panel's table of 2^bits float16
  e4m3,       // 8 bits: the float8 whose bits it is (no infinities)
  e5m2,
};

// What the numbers of a row's group are multiplied with.
enum class ScaleKind : uint8_t {
  group,  // a scale_type for each row and group
  super,  // a float16 for each row and 256 inputs, times a signed byte for each row and group
  row,    // a float32 for each row
};

// What is added to the product.
enum class BiasKind : uint8_t {
  stored,  // a scale_type for each row and group (ScaleKind::group)
  mins,    // minus a float16 for each row and 256 inputs times an unsigned byte for each row and
           // group (ScaleKind::super)
  offset,  // minus `offset` times the scale
};

struct PanelFormat {
  int bits;              // of a code: 1, 2, 3, 4, 5, 6 or 8
  int group_size;        // 16, 32, 64 or 128 inputs; activations are quantized by the same groups
  ScaleType scale_type;  // of ScaleKind::group
  ScaleKind scales = ScaleKind::group;
  BiasKind bias = BiasKind::stored;
  CodeValues values = CodeValues::linear;
  int offset = 0;        // of BiasKind::offset: 0 .. 128
  float multiplier = 1;  // of every scale of the matrix
};

// Bits of a code in the low and in the high plane.
constexpr int low_plane_bits(int bits) { return bits < 4 ? 2 : bits < 8 ? 4 : 8; }
constexpr int high_plane_bits(int bits) { return bits - low_plane_bits(bits); }

// invalid_argument for a format that panels do not have, or for inputs that do not fill groups.
void check_panel(const PanelFormat& format, size_t inputs);

// All of these are multiples of 64 bytes. invalid_argument when a size overflows.
size_t panel_group_bytes(const PanelFormat& format);
size_t panel_stride(const PanelFormat& format, size_t inputs);
size_t panel_count(size_t rows);
size_t packed_size(const PanelFormat& format, size_t rows, size_t inputs);

// Packs the panels [first_panel, last_panel) of an affine matrix (quant/affine.h) whose scales and
// biases are of format.scale_type. `panels` is the first byte of panel 0, 64-byte aligned, with
// packed_size bytes. Disjoint ranges may be packed at the same time.
void pack_affine(const PanelFormat& format, size_t rows, size_t inputs, const uint32_t* codes,
                 const void* scales, const void* biases, std::byte* panels, size_t first_panel,
                 size_t last_panel);

// The values of one row, [inputs]; equal to affine_decode's.
void unpack_row(const PanelFormat& format, size_t inputs, const std::byte* panels, size_t row,
                float* out);

}  // namespace tarn::quant
