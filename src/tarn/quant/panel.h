// Panels: quantized weights laid out for the matrix product.
//
// 16 rows (outputs) make a panel, so that one vector lane is one row and no sum crosses lanes. A
// panel is one contiguous stream, read front to back exactly once by a product, with the scales
// ahead of the codes they serve. Panels follow each other; rows of the last one beyond the matrix
// are zero. Panel of [16 rows, K inputs]:
//   header of the panel           see below; often nothing
//   for each segment of inputs:
//     header of the segment       what scales its groups
//     blocks of bits * 64 bytes   32 inputs of 16 rows each
//
// What a header holds, 16 values of each kind beside each other, filled up with zeros to a multiple
// of 64 bytes:
//   ScaleKind::group, bias stored    a segment is a group: 16 scales, 16 biases, in the type they
//                                    are stored in elsewhere: packing loses nothing
//   ScaleKind::group, bias offset    a segment is as many groups as fill 64 bytes with their scales
//   ScaleKind::super                 a segment is 256 inputs: 16 d; with mins 16 dmin; per group 16
//                                    sub-scales; with mins per group 16 sub-mins
//   ScaleKind::row                   the panel's header has 16 scales, segments none
// Ahead of these, the panel's header has what its codes stand for, filled up likewise:
//   CodeValues::table_i8             the table: entry + 128 as unsigned bytes
//   CodeValues::table_f16            the table: float16
//   CodeValues::e4m3, e5m2           a float32: the largest magnitude of the panel's values, NaN if
//                                    one of them is not finite
// The last segment may have fewer groups than the others; its header is as large.
//
// A block is 8 tiles of 4 inputs. Expanded, a tile is 64 bytes, byte [4 * row + input], unsigned:
// what an instruction like VPDPBUSD multiplies with 4 broadcast activations. Packed, the bits of a
// code are split into a low plane (1, 2, 4 or 8 bits) and a high plane (1 or 2 bits, for 3, 5 and
// 6). A plane of w bits takes w vectors of 64 bytes a block, low plane first. Byte i of its vector
// v holds byte i of the tiles v * 8/w + s at bits w*s, for s = 0 .. 8/w - 1: a tile comes back with
// one shift and one mask a plane.
//
// The value of a code, every operation rounded to float32:
//   v = code, or the table's entry, or the float8
//   bias stored   v * scale + bias          scale, bias as stored
//   bias mins     v * scale - dmin * min    scale = d * sub * multiplier
//   bias offset   (v - offset) * scale      scale = (stored, or d * sub) * multiplier
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
  e4m3,       // 8 bits: the float8 without infinities whose bits it is
  e5m2,       // 8 bits: the float8 whose bits it is
};

// Whether the values do not fit a byte: integer products take them as two bytes, 15 bits of the
// panel's largest value.
constexpr bool is_wide(CodeValues values) { return values >= CodeValues::table_f16; }

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
  int group_size;        // 32, 64 or 128 inputs; 16 where has_group_16() says so; activations are
                         // quantized by the same groups
  ScaleType scale_type;  // of ScaleKind::group
  ScaleKind scales = ScaleKind::group;
  BiasKind bias = BiasKind::stored;
  CodeValues values = CodeValues::linear;
  int offset = 0;        // of BiasKind::offset: 0 .. 128; of values that are not linear 0
  float multiplier = 1;  // of every scale of the matrix
};

// Bits of a code in the low and in the high plane.
constexpr int low_plane_bits(int bits) { return bits == 1 ? 1 : bits < 4 ? 2 : bits < 8 ? 4 : 8; }
constexpr int high_plane_bits(int bits) { return bits - low_plane_bits(bits); }

// Whether codes of so many bits may have groups of 16, half a block.
constexpr bool has_half_blocks(int bits) {
  return bits == 2 || bits == 3 || bits == 4 || bits == 6;
}

// Groups of 16 are half a block.
constexpr bool has_group_16(const PanelFormat& format) {
  return has_half_blocks(format.bits) && format.bias != BiasKind::stored && !is_wide(format.values);
}

// Inputs that share the float16 scales of ScaleKind::super.
inline constexpr int super_inputs = 256;

// Where things stand in a panel, in bytes; all are multiples of 64.
struct PanelLayout {
  size_t panel_header;
  size_t table;           // of the panel's header: what its codes stand for
  size_t segment_inputs;  // a multiple of 32 and of the group
  size_t segment_header;
  size_t segment;  // header and codes of a whole one
  size_t stride;   // from panel to panel
};

// invalid_argument for a format that panels do not have, or for inputs that do not fill groups
// (blocks of 32 for groups of 16, 256 inputs for ScaleKind::super).
void check_panel(const PanelFormat& format, size_t inputs);

// Checks as well. invalid_argument when a size overflows.
PanelLayout panel_layout(const PanelFormat& format, size_t inputs);
size_t panel_stride(const PanelFormat& format, size_t inputs);
size_t panel_count(size_t rows);
size_t packed_size(const PanelFormat& format, size_t rows, size_t inputs);

// Packs the panels [first_panel, last_panel) of an affine matrix (quant/affine.h) whose scales and
// biases are of format.scale_type. `panels` is the first byte of panel 0, 64-byte aligned, with
// packed_size bytes. Disjoint ranges may be packed at the same time.
void pack_affine(const PanelFormat& format, size_t rows, size_t inputs, const uint32_t* codes,
                 const void* scales, const void* biases, std::byte* panels, size_t first_panel,
                 size_t last_panel);

// Up to 16 rows of a matrix in any format, as plain row-major arrays.
struct PanelRows {
  size_t rows;                    // 1 .. 16
  const uint8_t* codes;           // [rows, inputs], one code a byte
  const void* scales = nullptr;   // [rows, groups] of scale_type; super: int8; row: float [rows]
  const void* biases = nullptr;   // [rows, groups] of scale_type; mins: uint8
  const float16* d = nullptr;     // super: [rows, inputs / 256]
  const float16* dmin = nullptr;  // mins: the same
  const void* table = nullptr;    // 2^bits entries: table_i8: int8; table_f16: float16
};

// Packs one panel, 64-byte aligned, panel_stride bytes. Bits of a code above format.bits must be
// zero. invalid_argument when an array that the format needs is missing.
void pack_panel(const PanelFormat& format, size_t inputs, const PanelRows& rows, std::byte* panel);

// The values of one row, [inputs], by the formula above.
void unpack_row(const PanelFormat& format, size_t inputs, const std::byte* panels, size_t row,
                float* out);

}  // namespace tarn::quant
