#include "tarn/ops/coded.h"

#include "tarn/base/error.h"
#include "tarn/core/op.h"
#include "tarn/ops/checks.h"
#include "tarn/ops/coded_attributes.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/shape.h"

namespace tarn {
namespace {

const Op encode_op{.name = "encode"};
const Op decode_op{.name = "decode"};
const Op pack_panels_op{.name = "pack_panels"};
const Op pack_panel_range_op{.name = "pack_panel_range"};

quant::ScaleType scale_type(Dtype dtype) {
  if (dtype == Dtype::f16) return quant::ScaleType::f16;
  return dtype == Dtype::bf16 ? quant::ScaleType::bf16 : quant::ScaleType::f32;
}

std::vector<array> contiguous_parts(const CodedMatrix& w) {
  std::vector<array> parts;
  parts.reserve(w.parts.size() + 1);
  for (const array& part : w.parts) parts.push_back(contiguous(part));
  return parts;
}

size_t panel_bytes(const CodedMatrix& w) {
  return quant::packed_size(w.codec->panel_format(), static_cast<size_t>(w.rows),
                            static_cast<size_t>(w.columns));
}

PanelArray panels_in(const CodedMatrix& w, array bytes) {
  return {std::move(bytes), w.codec->panel_format(), w.rows, w.columns};
}

}  // namespace

void check_coded_matrix(const CodedMatrix& w, const char* what) {
  w.codec->check(static_cast<size_t>(w.rows), static_cast<size_t>(w.columns));
  const std::vector<quant::Part> parts =
      w.codec->parts(static_cast<size_t>(w.rows), static_cast<size_t>(w.columns));
  if (parts.size() != w.parts.size()) {
    fail(ErrorCode::invalid_argument, "[coded] {}: {} has {} parts, got {}", what,
         format_text(w.codec->format()), parts.size(), w.parts.size());
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].bytes() == w.parts[i].nbytes()) continue;
    fail(ErrorCode::invalid_argument, "[coded] {}: {} of ({}, {}) in {} takes {} bytes, got {}",
         what, parts[i].name, w.rows, w.columns, format_text(w.codec->format()), parts[i].bytes(),
         w.parts[i].nbytes());
  }
}

CodedMatrix encode(const array& w, std::shared_ptr<const quant::Codec> codec,
                   const std::optional<array>& importance) {
  require_float(w, "encode", "w");
  require_rank(w, 2, "encode", "w");
  codec->check(static_cast<size_t>(w.shape(0)), static_cast<size_t>(w.shape(1)));
  std::vector<array> inputs = {contiguous(astype(w, Dtype::f32))};
  if (importance) {
    require_shape(*importance, {w.shape(1)}, "encode", "importance");
    inputs.push_back(contiguous(astype(*importance, Dtype::f32)));
  }
  std::vector<OutputSpec> specs;
  for (const quant::Part& part :
       codec->parts(static_cast<size_t>(w.shape(0)), static_cast<size_t>(w.shape(1)))) {
    specs.push_back({{static_cast<int64_t>(part.bytes())}, Dtype::u8});
  }
  std::vector<array> parts =
      make_arrays(encode_op, std::move(inputs), std::move(specs),
                  CodedAttributes{codec, w.shape(0), w.shape(1), importance.has_value()});
  return {std::move(codec), w.shape(0), w.shape(1), std::move(parts)};
}

array decode(const CodedMatrix& w) {
  check_coded_matrix(w, "w");
  return make_array(decode_op, contiguous_parts(w), {w.rows, w.columns}, Dtype::f32,
                    CodedAttributes{w.codec, w.rows, w.columns, false});
}

PanelArray pack_panels(const CodedMatrix& w) {
  check_coded_matrix(w, "w");
  const size_t bytes = panel_bytes(w);
  memory::count_copied(bytes);
  return panels_in(w, make_array(pack_panels_op, contiguous_parts(w), {static_cast<int64_t>(bytes)},
                                 Dtype::u8, CodedAttributes{w.codec, w.rows, w.columns, false}));
}

PanelArray allocate_panels(const CodedMatrix& w, memory::Arena& arena) {
  check_coded_matrix(w, "w");
  const size_t bytes = panel_bytes(w);
  memory::count_copied(bytes);
  return panels_in(w, array(arena.allocate(bytes), {static_cast<int64_t>(bytes)}, Dtype::u8));
}

array pack_panel_range(const CodedMatrix& w, const PanelArray& panels, int64_t first,
                       int64_t last) {
  check_coded_matrix(w, "w");
  const auto count = static_cast<int64_t>(quant::panel_count(static_cast<size_t>(w.rows)));
  if (w.rows != panels.rows || w.columns != panels.columns ||
      panels.panels.nbytes() != panel_bytes(w) || first < 0 || first > last || last > count) {
    fail(ErrorCode::invalid_argument,
         "[pack_panel_range] panels [{}, {}) of ({}, {}) cannot go to those of ({}, {}), which has "
         "{}; pass a range of the same matrix",
         first, last, w.rows, w.columns, panels.rows, panels.columns, count);
  }
  std::vector<array> inputs = contiguous_parts(w);
  inputs.push_back(panels.panels);
  return make_array(pack_panel_range_op, std::move(inputs), {1}, Dtype::u8,
                    PanelRangeAttributes{w.codec, w.rows, w.columns, first, last});
}

CodedMatrix coded(const AffineMatrix& w) {
  check_affine_matrix(w, "w");
  return {
      quant::make_codec(quant::affine_format(w.bits, w.group_size), scale_type(w.scales.dtype())),
      w.rows(),
      w.columns(),
      {w.codes, w.scales, w.biases}};
}

}  // namespace tarn
