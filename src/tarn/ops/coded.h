// Matrices in any format of quantized weights (quant/codec.h): made from floats, read back, and
// laid out in panels.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "tarn/memory/pool.h"
#include "tarn/ops/quantized.h"
#include "tarn/quant/codec.h"

namespace tarn {

// A matrix [rows, columns] as its codec stores it.
struct CodedMatrix {
  std::shared_ptr<const quant::Codec> codec;
  int64_t rows = 0;
  int64_t columns = 0;
  std::vector<array> parts;  // the codec's, of any dtype, row-major
};

// invalid_argument when the format does not fit, or a part is missing or has other bytes; the
// message opens with `what`.
void check_coded_matrix(const CodedMatrix& w, const char* what);

// w [rows, columns] float -> parts of uint8 [bytes]. `importance` float32 [columns]: how much an
// error at an input counts. What is not finite is an error when the result is evaluated.
CodedMatrix encode(const array& w, std::shared_ptr<const quant::Codec> codec,
                   const std::optional<array>& importance = {});
// The values, float32 [rows, columns].
array decode(const CodedMatrix& w);

// Lays out without loss. The bytes count as copied in memory::stats().
PanelArray pack_panels(const CodedMatrix& w);

// The same into memory that the caller chose, piece by piece. First room in `arena`, not packed
// yet, which counts as copied.
PanelArray allocate_panels(const CodedMatrix& w, memory::Arena& arena);
// Then the panels [first, last), when the result is evaluated; it only stands for that. Nothing may
// read these panels before.
array pack_panel_range(const CodedMatrix& w, const PanelArray& panels, int64_t first, int64_t last);

// An affine matrix as a coded one.
CodedMatrix coded(const AffineMatrix& w);

}  // namespace tarn
