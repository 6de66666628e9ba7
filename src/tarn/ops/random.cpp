#include "tarn/ops/random.h"

#include <cmath>
#include <limits>
#include <mutex>

#include "tarn/base/error.h"
#include "tarn/core/op.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/index.h"
#include "tarn/ops/reduce.h"
#include "tarn/ops/shape.h"
#include "tarn/ops/sort.h"
#include "tarn/ops/threefry.h"

namespace tarn::random {
namespace {

const Op bits_op{.name = "random_bits"};

std::mutex sequence_mutex;
ThreefryWords sequence_key = {0, 0};

// Both halves of split() of the sequence's key: one stays, the other is handed out.
array next_key() {
  const std::lock_guard lock(sequence_mutex);
  const ThreefryWords even = threefry2x32(sequence_key, {0, 2});
  const ThreefryWords odd = threefry2x32(sequence_key, {1, 3});
  sequence_key = {even[0], odd[0]};
  return array({even[1], odd[1]}, {2});
}

Dtype width_type(int width) {
  switch (width) {
    case 1:
      return Dtype::u8;
    case 2:
      return Dtype::u16;
    case 4:
      return Dtype::u32;
    default:
      fail(ErrorCode::invalid_argument, "[bits] width {}: give 1, 2 or 4 bytes", width);
  }
}

void require_shape(const Shape& broadcast, const Shape& shape, const char* op) {
  if (!(broadcast_shapes(broadcast, shape, op) == shape)) {
    fail(ErrorCode::invalid_argument, "[{}] parameters of shape {} do not broadcast to {}", op,
         to_string(broadcast), to_string(shape));
  }
}

// The largest value of the type below 1.
float below_one(Dtype dtype, const char* op) {
  switch (dtype) {
    case Dtype::f32:
      return 1 - 0x1p-24F;
    case Dtype::f16:
      return 1 - 0x1p-11F;
    case Dtype::bf16:
      return 1 - 0x1p-8F;
    default:
      fail(ErrorCode::invalid_argument, "[{}] {}: give float32, float16 or bfloat16", op,
           name(dtype));
  }
}

// Uniform in (-1, 1).
array symmetric(const Shape& shape, const Key& key) {
  return uniform(array(-1 + 0x1p-24F), array(1.0F), shape, Dtype::f32, key);
}

Shape without_axis(const Shape& shape, int axis) {
  Shape rest = shape;
  rest.erase(axis);
  return rest;
}

// The largest of logits plus Gumbel noise is distributed as softmax says. `at`: normalized.
array draw(const array& logits, int at, const Shape& shape, const Key& key) {
  Shape noise = shape;
  const int axis = at + shape.rank() - logits.ndim() + 1;
  noise.insert(axis, logits.shape()[at]);
  return argmax(gumbel(noise, Dtype::f32, key) + logits, axis);
}

}  // namespace

void seed(uint64_t value) {
  const std::lock_guard lock(sequence_mutex);
  sequence_key = {static_cast<uint32_t>(value >> 32), static_cast<uint32_t>(value)};
}

array key(uint64_t seed) {
  return array({static_cast<uint32_t>(seed >> 32), static_cast<uint32_t>(seed)}, {2});
}

std::pair<array, array> split(const array& key) {
  const array both = split(key, 2);
  return {reshape(slice(both, 0, 0, 1), {2}), reshape(slice(both, 0, 1, 2), {2})};
}

array split(const array& key, int count) { return bits({count, 2}, 4, key); }

array bits(const Shape& shape, int width, const Key& key) {
  const Dtype dtype = width_type(width);
  const array source = key ? *key : next_key();
  if (source.dtype() != Dtype::u32 || !(source.shape() == Shape{2})) {
    fail(ErrorCode::invalid_argument,
         "[bits] key is {} {}; a key is uint32 of shape (2), as key() and split() make it",
         name(source.dtype()), to_string(source.shape()));
  }
  return make_array(bits_op, {contiguous(source)}, shape, dtype);
}

array uniform(const array& low, const array& high, const Shape& shape, Dtype dtype,
              const Key& key) {
  const array upper(below_one(dtype, "uniform"));
  const array from = astype(low, dtype);
  const array range = astype(high, dtype) - from;
  require_shape(range.shape(), shape, "uniform");
  const array unit = minimum(bits(shape, 4, key) / array(0x1p32F), upper);
  return range * astype(unit, dtype) + from;
}

array uniform(const Shape& shape, Dtype dtype, const Key& key) {
  return uniform(array(0.0F), array(1.0F), shape, dtype, key);
}

array normal(const Shape& shape, Dtype dtype, const Key& key, const std::optional<array>& loc,
             const std::optional<array>& scale) {
  below_one(dtype, "normal");  // refuses other types
  array factor = astype(array(std::sqrt(2.0F)), dtype);
  if (scale) factor = factor * astype(*scale, dtype);
  const array samples = factor * astype(erfinv(symmetric(shape, key)), dtype);
  require_shape(samples.shape(), shape, "normal");
  if (!loc) return samples;
  require_shape(loc->shape(), shape, "normal");
  return astype(*loc, dtype) + samples;
}

array truncated_normal(const array& lower, const array& upper, const Shape& shape, Dtype dtype,
                       const Key& key) {
  const array root = astype(array(std::sqrt(2.0F)), dtype);
  const array low = astype(lower, dtype);
  const array high = astype(upper, dtype);
  const array u = uniform(erf(low / root), erf(high / root), shape, dtype, key);
  return clip(root * erfinv(u), low, high);
}

array gumbel(const Shape& shape, Dtype dtype, const Key& key) {
  return -log(-log(uniform(shape, dtype, key)));
}

array laplace(const Shape& shape, Dtype dtype, const Key& key) {
  const array samples = symmetric(shape, key);
  return astype(sign(samples) * log1p(-abs(samples)), dtype);
}

array bernoulli(const array& p, const Shape& shape, const Key& key) {
  if (!is_floating(p.dtype())) {
    fail(ErrorCode::invalid_argument, "[bernoulli] p is {}; a probability is floating",
         name(p.dtype()));
  }
  require_shape(p.shape(), shape, "bernoulli");
  // The float above 2^32: p = 1 is always true.
  const array scale(std::nextafter(0x1p32F, std::numeric_limits<float>::max()));
  return bits(shape, 4, key) < p * scale;
}

array randint(const array& low, const array& high, const Shape& shape, Dtype dtype,
              const Key& key) {
  if (is_floating(dtype)) {
    fail(ErrorCode::invalid_argument, "[randint] {}: give an integer type", name(dtype));
  }
  return astype(floor(uniform(low, high, shape, Dtype::f32, key)), dtype);
}

array categorical(const array& logits, int axis, const Key& key) {
  const int at = normalize_axis(axis, logits.ndim(), "categorical");
  return draw(logits, at, without_axis(logits.shape(), at), key);
}

array categorical(const array& logits, int axis, int count, const Key& key) {
  const int at = normalize_axis(axis, logits.ndim(), "categorical");
  Shape shape = without_axis(logits.shape(), at);
  shape.push_back(count);
  return draw(expand_dims(logits, -1), at, shape, key);
}

array categorical(const array& logits, int axis, const Shape& shape, const Key& key) {
  const int at = normalize_axis(axis, logits.ndim(), "categorical");
  require_shape(without_axis(logits.shape(), at), shape, "categorical");
  return draw(logits, at, shape, key);
}

array permutation(int64_t n, const Key& key) { return argsort(bits({n}, 4, key)); }

array permutation(const array& a, int axis, const Key& key) {
  return take(a, permutation(a.shape(axis), key), axis);
}

}  // namespace tarn::random
