// One vocabulary for the formats of quantized weights: recipes, config.json, plans and reports name
// them alike.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tarn/quant/affine.h"
#include "tarn/quant/ggml_type.h"

namespace tarn::quant {

enum class FormatMode : uint8_t {
  affine,   // MLX's: codes, scales and biases by group
  lut,      // look-up tables: codes, a table for 16 rows, scales by row or group
  palette,  // look-up tables of float16, for 16 rows or the matrix; no scales
  mxfp4,    // the microscaling formats of OCP, in MLX's layout: 4-bit floats, a power of two by 32
  mxfp8,    // 8-bit floats, a power of two by 32
  nvfp4,    // 4-bit floats, an 8-bit float by 16
  fp8,      // 8-bit floats, a float32 by block of 128 x 128: as published checkpoints have it
  ggml,     // blocks of a GGUF type
};

// How the tables of a palette are chosen: with the least error, evenly spaced, or as the distinct
// values that there are. Readers need not know it.
enum class PaletteFit : uint8_t { kmeans, uniform, unique };

// Fields that a mode does not have keep their defaults, so that equal formats compare equal.
struct Format {
  FormatMode mode = FormatMode::affine;
  int bits = 4;  // of a code; of ggml: 0
  int group_size =
      64;  // inputs that share a scale; of ggml, palette, and of lut with scales by row: 0
  GgmlType type = GgmlType::f32;
  bool whole = false;  // of palette: one table for the matrix
  PaletteFit fit = PaletteFit::kmeans;

  bool operator==(const Format&) const = default;
};

Format affine_format(int bits, int group_size);
Format lut_format(int bits, int group_size);  // group_size 0: a scale for each row
Format palette_format(int bits, bool whole, PaletteFit fit = PaletteFit::kmeans);
Format float_format(FormatMode mode);  // mxfp4, mxfp8, nvfp4 or fp8
Format ggml_format(GgmlType type);

// "affine:BITS:GROUP", "affineBITS" for groups of 64; "lutBITS" with scales by row,
// "lutBITS:GROUP"; "paletteBITS", with ":tensor" for one table and ":uniform" or ":unique";
// "mxfp4", "mxfp8", "nvfp4"; "q4_k", "iq4_nl" and the other types of GGUF, of which those of the
// same name as a mode are written "ggml:mxfp4". invalid_argument, listing what there is, otherwise.
Format parse_format(std::string_view text);
// What parse_format reads.
std::string format_text(const Format& format);

}  // namespace tarn::quant
