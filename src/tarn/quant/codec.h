// How a quantized matrix is stored, made, read back and laid out for products: one class for each
// kind of format, one interface for those who quantize, load, pack and plan.
//
// A matrix [rows, columns] is stored as some parts, row-major and little-endian, each with an entry
// for every so many rows: affine has codes, scales and biases, each by row; a look-up table may
// serve 16 rows. Work is divided by panels (16 rows): all ranges begin at multiples of 16 rows,
// and disjoint ones may be worked on at the same time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tarn/quant/format.h"
#include "tarn/quant/panel.h"

namespace tarn::quant {

// The element types of parts.
enum class PartType : uint8_t { u8, i8, u32, f8_e4m3, f16, bf16, f32 };

size_t part_type_bytes(PartType type);

struct Part {
  std::string_view name;  // the tensor's suffix in a checkpoint: "weight", "scales"
  PartType type;
  size_t rows;      // of the part: its first extent
  size_t columns;   // its second; 0: the part has one extent only
  size_t each = 1;  // rows of the matrix that one of the part's serves

  size_t row_bytes() const { return (columns == 0 ? 1 : columns) * part_type_bytes(type); }
  size_t bytes() const { return rows * row_bytes(); }
};

class Codec {
 public:
  virtual ~Codec() = default;

  virtual Format format() const = 0;
  // invalid_argument when the format does not fit `columns`; says what would. Sizes that overflow
  // are refused too.
  virtual void check(size_t rows, size_t columns) const = 0;
  // Why it does not fit in a few words ("1000 inputs do not fill groups of 64"); empty: it does.
  virtual std::string misfit(size_t columns) const = 0;
  // The inputs of a matrix whose first part has so many columns; 0: no matrix has.
  virtual size_t columns_of(size_t part_columns) const = 0;
  // A matrix may be made in pieces, each like a matrix of its own, whose parts follow each other:
  // all pieces but the last have a multiple of so many rows. 0: it must be made whole.
  virtual size_t piece_rows() const { return panel_rows; }
  // The parts of a matrix that check() accepts; the first is "weight".
  virtual std::vector<Part> parts(size_t rows, size_t columns) const = 0;
  // Whether matrices that check() accepts can be laid out in panels; if not, pack() and
  // panel_format() are not for them, and products need decoded values.
  virtual bool has_panels() const { return true; }
  virtual PanelFormat panel_format() const = 0;

  // Below, `parts` points to the first byte of each part of the whole matrix.

  // Rows [first_row, last_row) from `weights`, the first of these rows. `importance` [columns] says
  // how much an error at an input counts, null: all alike. Weights must be finite.
  virtual void encode(size_t rows, size_t columns, const float* weights, const float* importance,
                      size_t first_row, size_t last_row,
                      std::span<std::byte* const> parts) const = 0;
  // Once encode() has set scales and tables, a code of so many bits may be chosen for each value on
  // its own, and what a code stands for is the same for 32 aligned inputs of a row: what error
  // feedback needs (compress/error_feedback.h). 0: not with this format.
  virtual int free_code_bits() const { return 0; }
  // Puts other codes [columns] into row `row`; of formats with free codes.
  virtual void set_codes(size_t rows, size_t columns, std::span<std::byte* const> parts, size_t row,
                         const uint8_t* codes) const;
  // The values of rows [first_row, last_row) to `out`, [last_row - first_row, columns].
  virtual void decode(size_t rows, size_t columns, std::span<const std::byte* const> parts,
                      size_t first_row, size_t last_row, float* out) const = 0;
  // Panels [first_panel, last_panel). `panels` is the first byte of panel 0, 64-byte aligned, with
  // packed_size bytes.
  virtual void pack(size_t rows, size_t columns, std::span<const std::byte* const> parts,
                    std::byte* panels, size_t first_panel, size_t last_panel) const = 0;

  // Bytes of all parts.
  size_t bytes(size_t rows, size_t columns) const;
};

// `scale_type`: how scales are stored where the format leaves it open (affine): f32, f16 or bf16.
std::shared_ptr<const Codec> make_codec(const Format& format, ScaleType scale_type);

}  // namespace tarn::quant
