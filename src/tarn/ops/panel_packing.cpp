#include "tarn/ops/panel_packing.h"

#include "tarn/base/error.h"
#include "tarn/core/op.h"
#include "tarn/ops/quantized_attributes.h"
#include "tarn/ops/shape.h"

namespace tarn {
namespace {

const Op pack_panel_range_op{.name = "pack_panel_range"};

quant::ScaleType scale_type(Dtype dtype) {
  if (dtype == Dtype::f16) return quant::ScaleType::f16;
  return dtype == Dtype::bf16 ? quant::ScaleType::bf16 : quant::ScaleType::f32;
}

}  // namespace

PanelArray allocate_panels(const AffineMatrix& w, memory::Arena& arena) {
  check_affine_matrix(w, "w");
  const quant::PanelFormat format{w.bits, w.group_size, scale_type(w.scales.dtype())};
  const size_t bytes =
      quant::packed_size(format, static_cast<size_t>(w.rows()), static_cast<size_t>(w.columns()));
  memory::count_copied(bytes);
  return {array(arena.allocate(bytes), {static_cast<int64_t>(bytes)}, Dtype::u8), format, w.rows(),
          w.columns()};
}

array pack_panel_range(const AffineMatrix& w, const PanelArray& panels, int64_t first,
                       int64_t last) {
  check_affine_matrix(w, "w");
  const auto count = static_cast<int64_t>(quant::panel_count(static_cast<size_t>(w.rows())));
  if (w.rows() != panels.rows || w.columns() != panels.columns || first < 0 || first > last ||
      last > count) {
    fail(ErrorCode::invalid_argument,
         "[pack_panel_range] panels [{}, {}) of ({}, {}) cannot go to those of ({}, {}), which has "
         "{}; pass a range of the same matrix",
         first, last, w.rows(), w.columns(), panels.rows, panels.columns, count);
  }
  return make_array(
      pack_panel_range_op,
      {contiguous(w.codes), contiguous(w.scales), contiguous(w.biases), panels.panels}, {1},
      Dtype::u8, PanelRangeAttributes{panels.format, w.rows(), w.columns(), first, last});
}

}  // namespace tarn
