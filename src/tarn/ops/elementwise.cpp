#include "tarn/ops/elementwise.h"

#include "tarn/base/error.h"
#include "tarn/core/op.h"
#include "tarn/ops/shape.h"

namespace tarn {
namespace {

Dtype floating(Dtype dtype) { return is_floating(dtype) ? dtype : Dtype::f32; }

array map1(const Op& op, const array& a, Dtype in, Dtype out) {
  return make_array(op, {astype(a, in)}, a.shape(), out);
}

array map2(const Op& op, const array& a, const array& b, Dtype in, Dtype out) {
  const Shape shape = broadcast_shapes(a.shape(), b.shape(), op.name);
  return make_array(op, {broadcast_to(astype(a, in), shape), broadcast_to(astype(b, in), shape)},
                    shape, out);
}

void require_integers(const Op& op, const array& a) {
  if (is_floating(a.dtype())) {
    fail(ErrorCode::invalid_argument, "[{}] needs integers or booleans, got {}; cast with astype",
         op.name, name(a.dtype()));
  }
}

const Op astype_op{.name = "astype", .kind = Op::Kind::elementwise};
const Op where_op{.name = "where", .kind = Op::Kind::elementwise};

}  // namespace

array astype(const array& a, Dtype dtype) {
  if (a.dtype() == dtype) return a;
  return make_array(astype_op, {a}, a.shape(), dtype);
}

array scalar_like(float value, const array& like) {
  array constant(value);
  const Dtype dtype = floating(like.dtype());
  if (dtype == Dtype::f32) return constant;
  if (dtype == Dtype::f16) return array({to_float16(value)}, {});
  if (dtype == Dtype::bf16) return array({to_bfloat16(value)}, {});
  return astype(constant, dtype);
}

// One line declares an operation: its name and the dtypes that go in and come out.
#define TARN_MAP1(NAME, IN, OUT)                                      \
  array NAME(const array& a) {                                        \
    static const Op op{.name = #NAME, .kind = Op::Kind::elementwise}; \
    [[maybe_unused]] const Dtype type = a.dtype();                    \
    return map1(op, a, IN, OUT);                                      \
  }
#define TARN_MAP2(NAME, IN, OUT)                                      \
  array NAME(const array& a, const array& b) {                        \
    static const Op op{.name = #NAME, .kind = Op::Kind::elementwise}; \
    const Dtype type = promote(a.dtype(), b.dtype());                 \
    return map2(op, a, b, IN, OUT);                                   \
  }
// BOOLEAN: the dtype that booleans are taken as.
#define TARN_BITS2(NAME, BOOLEAN)                                                                  \
  array NAME(const array& a, const array& b) {                                                     \
    static const Op op{.name = #NAME, .kind = Op::Kind::elementwise};                              \
    require_integers(op, a);                                                                       \
    require_integers(op, b);                                                                       \
    Dtype type = promote(a.dtype(), b.dtype());                                                    \
    if (is_floating(type)) {                                                                       \
      fail(ErrorCode::invalid_argument, "[{}] {} and {} share no integer type; cast one", op.name, \
           name(a.dtype()), name(b.dtype()));                                                      \
    }                                                                                              \
    if (type == Dtype::bool_) type = BOOLEAN;                                                      \
    return map2(op, a, b, type, type);                                                             \
  }

TARN_MAP1(abs, type, type)
TARN_MAP1(sign, type, type)
TARN_MAP1(floor, type, type)
TARN_MAP1(ceil, type, type)
TARN_MAP1(round, type, type)
TARN_MAP1(square, type, type)

TARN_MAP1(exp, floating(type), floating(type))
TARN_MAP1(expm1, floating(type), floating(type))
TARN_MAP1(log, floating(type), floating(type))
TARN_MAP1(log1p, floating(type), floating(type))
TARN_MAP1(log2, floating(type), floating(type))
TARN_MAP1(sqrt, floating(type), floating(type))
TARN_MAP1(rsqrt, floating(type), floating(type))
TARN_MAP1(reciprocal, floating(type), floating(type))
TARN_MAP1(sin, floating(type), floating(type))
TARN_MAP1(cos, floating(type), floating(type))
TARN_MAP1(tanh, floating(type), floating(type))
TARN_MAP1(erf, floating(type), floating(type))
TARN_MAP1(erfinv, floating(type), floating(type))
TARN_MAP1(sigmoid, floating(type), floating(type))
TARN_MAP1(softplus, floating(type), floating(type))
TARN_MAP1(silu, floating(type), floating(type))
TARN_MAP1(gelu, floating(type), floating(type))
TARN_MAP1(gelu_tanh, floating(type), floating(type))

TARN_MAP1(logical_not, Dtype::bool_, Dtype::bool_)
TARN_MAP1(isnan, floating(type), Dtype::bool_)
TARN_MAP1(isinf, floating(type), Dtype::bool_)
TARN_MAP1(isfinite, floating(type), Dtype::bool_)
TARN_MAP2(equal, type, Dtype::bool_)
TARN_MAP2(not_equal, type, Dtype::bool_)
TARN_MAP2(less, type, Dtype::bool_)
TARN_MAP2(less_equal, type, Dtype::bool_)
TARN_MAP2(greater, type, Dtype::bool_)
TARN_MAP2(greater_equal, type, Dtype::bool_)

TARN_MAP2(add, type, type)
TARN_MAP2(subtract, type, type)
TARN_MAP2(multiply, type, type)
TARN_MAP2(maximum, type, type)
TARN_MAP2(minimum, type, type)
TARN_MAP2(power, type, type)
TARN_MAP2(remainder, type, type)
TARN_MAP2(floor_divide, type, type)
TARN_MAP2(divide, floating(type), floating(type))
TARN_MAP2(arctan2, floating(type), floating(type))
TARN_MAP2(logaddexp, floating(type), floating(type))

TARN_BITS2(bitwise_and, Dtype::bool_)
TARN_BITS2(bitwise_or, Dtype::bool_)
TARN_BITS2(bitwise_xor, Dtype::bool_)
TARN_BITS2(left_shift, Dtype::u8)
TARN_BITS2(right_shift, Dtype::u8)

#undef TARN_MAP1
#undef TARN_MAP2
#undef TARN_BITS2

array negative(const array& a) {
  static const Op op{.name = "negative", .kind = Op::Kind::elementwise};
  if (a.dtype() == Dtype::bool_) {
    fail(ErrorCode::invalid_argument, "[negative] booleans have no negative; use logical_not");
  }
  return map1(op, a, a.dtype(), a.dtype());
}

array logical_and(const array& a, const array& b) {
  return bitwise_and(astype(a, Dtype::bool_), astype(b, Dtype::bool_));
}

array logical_or(const array& a, const array& b) {
  return bitwise_or(astype(a, Dtype::bool_), astype(b, Dtype::bool_));
}

array bitwise_invert(const array& a) {
  static const Op op{.name = "bitwise_invert", .kind = Op::Kind::elementwise};
  require_integers(op, a);
  return map1(op, a, a.dtype(), a.dtype());
}

array where(const array& condition, const array& a, const array& b) {
  const Dtype dtype = promote(a.dtype(), b.dtype());
  const Shape shape =
      broadcast_shapes(condition.shape(), broadcast_shapes(a.shape(), b.shape(), "where"), "where");
  return make_array(where_op,
                    {broadcast_to(astype(condition, Dtype::bool_), shape),
                     broadcast_to(astype(a, dtype), shape), broadcast_to(astype(b, dtype), shape)},
                    shape, dtype);
}

array clip(const array& a, const array& low, const array& high) {
  return minimum(maximum(a, low), high);
}

}  // namespace tarn
