// Packing a quantized matrix into memory that the caller chose, piece by piece.
#pragma once

#include <cstdint>
#include <memory>

#include "tarn/memory/pool.h"
#include "tarn/ops/quantized.h"

namespace tarn {

// Room for the panels of `w` in `arena`, not packed yet. Counts as copied in memory::stats().
PanelArray allocate_panels(const AffineMatrix& w, memory::Arena& arena);

// Packs the panels [first, last) of `w` into `panels`, which allocate_panels made of it, when the
// result is evaluated. The result only stands for that. Nothing may read these panels before.
array pack_panel_range(const AffineMatrix& w, const PanelArray& panels, int64_t first,
                       int64_t last);

}  // namespace tarn
