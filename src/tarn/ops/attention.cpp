#include "tarn/ops/attention.h"

#include <limits>

#include "tarn/base/error.h"
#include "tarn/core/op.h"
#include "tarn/ops/attention_attributes.h"
#include "tarn/ops/checks.h"
#include "tarn/ops/creation.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/kv_cache.h"
#include "tarn/ops/matmul.h"
#include "tarn/ops/reduce.h"
#include "tarn/ops/shape.h"

namespace tarn {
namespace {

constexpr float hidden = -std::numeric_limits<float>::infinity();

// [Tq, Tk], true where the query may see the key; `first`: the row of the first query's own key.
array visible_keys(const array& first, int64_t queries, int64_t keys,
                   const AttentionAttributes& a) {
  const array q = expand_dims(first + arange(0, static_cast<double>(queries), 1), 1);
  const array k = arange(0, static_cast<double>(keys), 1);
  array visible = broadcast_to(k < first + array(static_cast<float>(queries)), {queries, keys});
  if (a.causal) visible = logical_and(visible, k <= q);
  if (a.window > 0) {
    visible = logical_and(visible, k > q - array(static_cast<float>(a.window)));
  }
  return visible;
}

std::vector<array> compose_attention(const OpNode& node) {
  const auto& a = node.attributes<AttentionAttributes>();
  const array& q = node.inputs[0];
  const int64_t groups = q.shape(1) / node.inputs[1].shape(1);
  const auto rows = [&](const array& x, int64_t dim) {
    const bool quantized = x.dtype() == Dtype::u8;
    return repeat(quantized ? kv_read(x, a.kv_type, dim) : astype(x, Dtype::f32), groups, 1);
  };
  const array k = rows(node.inputs[1], q.shape(3));
  const array v = rows(node.inputs[2], node.specs[0].shape[3]);
  array scores = matmul(q * a.scale, swapaxes(k, 2, 3));  // [B, Hq, Tq, Tk]
  if (a.soft_cap > 0) scores = tanh(scores / a.soft_cap) * a.soft_cap;
  size_t next = 3;
  array first(static_cast<float>(k.shape(2) - q.shape(2)));
  if (a.has_position) {
    first = reshape(node.inputs[next++], {}) - array(static_cast<int>(a.key_offset));
    first = astype(first, Dtype::f32);
  }
  const array visible = visible_keys(first, q.shape(2), k.shape(2), a);
  scores = where(visible, scores, array(hidden));
  if (a.has_mask) {
    const array& mask = node.inputs[next++];
    scores = mask.dtype() == Dtype::bool_ ? where(mask, scores, array(hidden)) : scores + mask;
  }
  array largest = max(scores, -1, true);
  array extra(0.0F);
  if (a.has_sinks) {
    const array sinks = reshape(node.inputs[next], {1, -1, 1, 1});
    largest = maximum(largest, sinks);
    extra = exp(sinks - largest);
  }
  // A query that sees nothing gives zeros.
  const array finite = where(equal(largest, array(hidden)), array(0.0F), largest);
  const array weights = exp(scores - finite);
  const array total = sum(weights, -1, true) + extra;
  const array y = matmul(weights / where(equal(total, array(0.0F)), array(1.0F), total), v);
  return {contiguous(swapaxes(y, 1, 2))};
}

const Op attention_op{.name = "scaled_dot_product_attention", .compose = compose_attention};

// Dv.
int64_t check_attention(const array& q, const array& k, const array& v,
                        const AttentionOptions& options) {
  constexpr const char* op = "scaled_dot_product_attention";
  require_float(q, op, "q");
  require_rank(q, 4, op, "q");
  require_rank(k, 4, op, "k");
  require_rank(v, 4, op, "v");
  int64_t value_dim = options.value_dim > 0 ? options.value_dim : q.shape(3);
  if (options.kv_type) {
    check_kv_buffer(k, *options.kv_type, q.shape(3), op);
    check_kv_buffer(v, *options.kv_type, value_dim, op);
  } else {
    require_float(k, op, "k");
    value_dim = v.shape(3);
  }
  if (k.dtype() != v.dtype()) {
    fail(ErrorCode::invalid_argument, "[{}] k is {} and v {}; cast one", op, name(k.dtype()),
         name(v.dtype()));
  }
  if (k.shape(1) < 1 || q.shape(1) % k.shape(1) != 0) {
    fail(ErrorCode::invalid_argument, "[{}] {} query heads do not divide among {} key heads", op,
         q.shape(1), k.shape(1));
  }
  const bool fit = q.shape(0) == k.shape(0) && (options.kv_type || q.shape(3) == k.shape(3)) &&
                   k.shape(0) == v.shape(0) && k.shape(1) == v.shape(1) && k.shape(2) == v.shape(2);
  if (!fit) {
    fail(ErrorCode::invalid_argument, "[{}] shapes do not fit: q {}, k {}, v {}", op,
         to_string(q.shape()), to_string(k.shape()), to_string(v.shape()));
  }
  return value_dim;
}

array with_dense_rows(const array& a) { return a.strides()[3] == 1 ? a : contiguous(a); }

}  // namespace

array scaled_dot_product_attention(const array& q, const array& k, const array& v,
                                   const AttentionOptions& options) {
  const int64_t value_dim = check_attention(q, k, v, options);
  std::vector<array> inputs = {as_rows(q), with_dense_rows(k), with_dense_rows(v)};
  if (options.position) {
    if (options.position->size() != 1 || options.position->dtype() != Dtype::i32) {
      fail(ErrorCode::invalid_argument,
           "[scaled_dot_product_attention] position must be one int32, got {} {}",
           name(options.position->dtype()), to_string(options.position->shape()));
    }
    inputs.push_back(*options.position);
  }
  if (options.mask) {
    const Shape shape = {q.shape(0), q.shape(1), q.shape(2), k.shape(2)};
    const array mask =
        options.mask->dtype() == Dtype::bool_ ? *options.mask : astype(*options.mask, Dtype::f32);
    inputs.push_back(broadcast_to(mask, shape));
  }
  if (options.sinks) {
    require_shape(*options.sinks, {q.shape(1)}, "scaled_dot_product_attention", "sinks");
    inputs.push_back(contiguous(astype(*options.sinks, Dtype::f32)));
  }
  const AttentionAttributes attributes{options.scale,
                                       options.causal,
                                       options.window,
                                       options.soft_cap,
                                       options.position.has_value(),
                                       options.mask.has_value(),
                                       options.sinks.has_value(),
                                       options.key_offset,
                                       options.kv_type.value_or(KvType::f32)};
  const Shape shape = {q.shape(0), q.shape(2), q.shape(1), value_dim};
  const array y = make_array(attention_op, std::move(inputs), shape, Dtype::f32, attributes);
  return astype(swapaxes(y, 1, 2), q.dtype());
}

}  // namespace tarn
