#include "tarn/ops/rope.h"

#include <cmath>

#include "tarn/base/error.h"
#include "tarn/core/op.h"
#include "tarn/ops/checks.h"
#include "tarn/ops/creation.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/rope_attributes.h"
#include "tarn/ops/shape.h"

namespace tarn {
namespace {

std::vector<array> compose_rope(const OpNode& node) {
  const auto& a = node.attributes<RopeAttributes>();
  const array& x = node.inputs[0];  // [B, H, T, D]
  const array& inv_freq = node.inputs[1];
  const int64_t dims = inv_freq.shape(0) * 2;
  const int64_t batch = x.shape(0);
  const array start =
      astype(broadcast_to(reshape(node.inputs[2], {-1, 1}), {batch, 1}), Dtype::f32);
  const array positions = start + astype(arange(0, static_cast<double>(x.shape(2)), 1), Dtype::f32);
  // [B, 1, T, dims / 2]
  const array angles = expand_dims(expand_dims(positions, 1), 3) * inv_freq;
  const array c = cos(angles) * a.scaling;
  const array s = sin(angles) * a.scaling;
  const array turned = slice(x, 3, 0, dims);
  const array first = a.traditional ? slice(turned, 3, 0, dims, 2) : slice(turned, 3, 0, dims / 2);
  const array second =
      a.traditional ? slice(turned, 3, 1, dims, 2) : slice(turned, 3, dims / 2, dims);
  const array left = first * c - second * s;
  const array right = second * c + first * s;
  const array joined =
      a.traditional ? flatten(stack({left, right}, 4), 3, 4) : concatenate({left, right}, 3);
  const array y = concatenate({joined, slice(x, 3, dims, x.shape(3))}, 3);
  return {a.token_major ? contiguous(swapaxes(y, 1, 2)) : y};
}

const Op rope_op{.name = "rope", .compose = compose_rope};

}  // namespace

array rope(const array& x, const array& inv_freq, const array& offset, bool traditional,
           float scaling) {
  require_float(x, "rope", "x");
  require_rank(x, 4, "rope", "x");
  require_rank(inv_freq, 1, "rope", "inv_freq");
  const int64_t dims = inv_freq.shape(0) * 2;
  if (dims < 2 || dims > x.shape(3)) {
    fail(ErrorCode::invalid_argument, "[rope] {} rotated values do not fit heads of {}", dims,
         x.shape(3));
  }
  if (offset.size() != 1 && !(offset.shape() == Shape{x.shape(0)})) {
    fail(ErrorCode::invalid_argument, "[rope] offset must be one number or [{}], got shape {}",
         x.shape(0), to_string(offset.shape()));
  }
  const array rows = as_rows(x);
  const bool token_major = rows.shape(1) > 1 && rows.strides()[2] > rows.strides()[1];
  Shape shape = x.shape();
  if (token_major) std::swap(shape[1], shape[2]);
  const array y = make_array(
      rope_op,
      {rows, contiguous(astype(inv_freq, Dtype::f32)), contiguous(astype(offset, Dtype::i32))},
      shape, Dtype::f32, RopeAttributes{traditional, scaling, token_major});
  return astype(token_major ? swapaxes(y, 1, 2) : y, x.dtype());
}

array rope_frequencies(int dims, float base, float scale) {
  if (dims < 2 || dims % 2 != 0) {
    fail(ErrorCode::invalid_argument, "[rope] dims must be even and at least 2, got {}", dims);
  }
  std::vector<float> values;
  for (int i = 0; i < dims; i += 2) {
    values.push_back(scale / std::pow(base, static_cast<float>(i) / static_cast<float>(dims)));
  }
  return {values, {dims / 2}};
}

}  // namespace tarn
