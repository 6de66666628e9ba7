#include <cmath>
#include <limits>
#include <type_traits>

#include "tarn/cpu/isa/elementwise.h"
#include "tarn/cpu/maps.h"

namespace tarn::cpu {
namespace {

template <typename T, typename F>
void run(const void* const* in, void* out, int64_t n) {
  const T* a = static_cast<const T*>(in[0]);
  T* target = static_cast<T*>(out);
  for (int64_t i = 0; i < n; ++i) {
    target[i] =
        Compute<T>::store(static_cast<typename Compute<T>::type>(F::apply(Compute<T>::load(a[i]))));
  }
}

template <typename T, typename F>
void run_test(const void* const* in, void* out, int64_t n) {
  const T* a = static_cast<const T*>(in[0]);
  bool* target = static_cast<bool*>(out);
  for (int64_t i = 0; i < n; ++i) target[i] = F::apply(Compute<T>::load(a[i]));
}

#define TARN_FUNCTION(NAME, EXPRESSION) \
  struct NAME {                         \
    template <typename T>               \
    static T apply(T x) {               \
      return EXPRESSION;                \
    }                                   \
  };
#define TARN_TEST(NAME, EXPRESSION) \
  struct NAME {                     \
    template <typename T>           \
    static bool apply(T x) {        \
      return EXPRESSION;            \
    }                               \
  };

// Any type.
struct Abs {
  template <typename T>
  static T apply(T x) {
    if constexpr (std::is_unsigned_v<T>) {
      return x;
    } else {
      if constexpr (std::is_floating_point_v<T>) return std::abs(x);
      // The most negative value has no positive one and stays, defined.
      return static_cast<T>(x < T(0) ? uint64_t{0} - static_cast<uint64_t>(x) : x);
    }
  }
};
struct Negative {
  template <typename T>
  static T apply(T x) {
    if constexpr (std::is_floating_point_v<T>) {
      return -x;
    } else {
      using U = std::make_unsigned_t<T>;  // the most negative value wraps, defined
      return static_cast<T>(static_cast<U>(U(0) - static_cast<U>(x)));
    }
  }
};
struct Sign {
  template <typename T>
  static T apply(T x) {
    if constexpr (std::is_floating_point_v<T>) {
      if (std::isnan(x)) return x;
    }
    return static_cast<T>(static_cast<int>(x > T(0)) - static_cast<int>(x < T(0)));
  }
};
struct Square {
  template <typename T>
  static T apply(T x) {
    if constexpr (std::is_floating_point_v<T>) {
      return x * x;
    } else {
      return static_cast<T>(static_cast<uint64_t>(x) * static_cast<uint64_t>(x));
    }
  }
};
struct BitwiseInvert {
  template <typename T>
  static T apply(T x) {
    return static_cast<T>(~x);
  }
};

// Floating types.
TARN_FUNCTION(Floor, std::floor(x))
TARN_FUNCTION(Ceil, std::ceil(x))
TARN_FUNCTION(Round, std::nearbyint(x))
TARN_FUNCTION(Exp, std::exp(x))
TARN_FUNCTION(Expm1, std::expm1(x))
TARN_FUNCTION(Log, std::log(x))
TARN_FUNCTION(Log1p, std::log1p(x))
TARN_FUNCTION(Log2, std::log2(x))
TARN_FUNCTION(Sqrt, std::sqrt(x))
TARN_FUNCTION(Rsqrt, T(1) / std::sqrt(x))
TARN_FUNCTION(Reciprocal, T(1) / x)
TARN_FUNCTION(Sin, std::sin(x))
TARN_FUNCTION(Cos, std::cos(x))
TARN_FUNCTION(Tanh, std::tanh(x))
TARN_FUNCTION(Erf, std::erf(x))
TARN_FUNCTION(Sigmoid, T(1) / (T(1) + std::exp(-x)))
// log(1 + e^x) without overflow for large x and without cancellation for small.
TARN_FUNCTION(Softplus, (x > T(0) ? x : T(0)) + std::log1p(std::exp(-std::abs(x))))
TARN_FUNCTION(Silu, x / (T(1) + std::exp(-x)))
TARN_FUNCTION(Gelu, T(0.5) * x * (T(1) + std::erf(x * T(0.70710678118654752440))))
TARN_FUNCTION(GeluTanh,
              T(0.5) * x *
                  (T(1) + std::tanh(T(0.79788456080286535588) * (x + T(0.044715) * x * x * x))))
// Halley's method on a closed form that is right to 3 digits (Winitzki 2008): two steps give double
// precision. Near 1 the residual is taken on erfc, which keeps its digits there.
struct Erfinv {
  static double apply(double x) {
    const double magnitude = std::abs(x);
    if (!(magnitude < 1)) return magnitude == 1 ? std::copysign(INFINITY, x) : NAN;
    if (magnitude < 1e-8) return x * 0.88622692545275801365;  // sqrt(pi) / 2
    constexpr double a = 0.147;
    const double logarithm = std::log1p(-x * x);
    const double half = 2 / (M_PI * a) + logarithm / 2;
    double y = std::sqrt(std::sqrt(half * half - logarithm / a) - half);
    for (int step = 0; step < 2; ++step) {
      const double excess =
          magnitude < 0.5 ? std::erf(y) - magnitude : (1 - magnitude) - std::erfc(y);
      const double newton = excess * 0.88622692545275801365 * std::exp(y * y);
      y -= newton / (1 + y * newton);
    }
    return std::copysign(y, x);
  }
  static float apply(float x) { return static_cast<float>(apply(static_cast<double>(x))); }
};
TARN_TEST(IsNan, std::isnan(x))
TARN_TEST(IsInf, std::isinf(x))
TARN_TEST(IsFinite, std::isfinite(x))

template <typename F>
MapFunction floating(Dtype dtype) {
  switch (dtype) {
    case Dtype::f32:
      return run<float, F>;
    case Dtype::f16:
      return run<float16, F>;
    case Dtype::bf16:
      return run<bfloat16, F>;
    case Dtype::f64:
      return run<double, F>;
    default:
      return nullptr;
  }
}

// Functions that have kernels for each instruction set in float; F serves double.
using FloatKernel = ElementwiseKernels::Unary ElementwiseKernels::*;

template <typename T, FloatKernel kernel>
void run_kernel(const void* const* in, void* out, int64_t n) {
  const ElementwiseKernels::Unary function = elementwise_kernels(current_isa()).*kernel;
  if constexpr (std::is_same_v<T, float>) {
    function(static_cast<const float*>(in[0]), static_cast<float*>(out), n);
  } else {
    constexpr int64_t tile = 256;
    float wide[tile];
    for (int64_t begin = 0; begin < n; begin += tile) {
      const int64_t count = n - begin < tile ? n - begin : tile;
      const T* a = static_cast<const T*>(in[0]) + begin;
      T* target = static_cast<T*>(out) + begin;
      for (int64_t i = 0; i < count; ++i) wide[i] = to_float(a[i]);
      function(wide, wide, count);
      for (int64_t i = 0; i < count; ++i) target[i] = from_float<T>(wide[i]);
    }
  }
}

template <FloatKernel kernel, typename F>
MapFunction floating_kernel(Dtype dtype) {
  switch (dtype) {
    case Dtype::f32:
      return run_kernel<float, kernel>;
    case Dtype::f16:
      return run_kernel<float16, kernel>;
    case Dtype::bf16:
      return run_kernel<bfloat16, kernel>;
    case Dtype::f64:
      return run<double, F>;
    default:
      return nullptr;
  }
}

template <typename F>
MapFunction integral(Dtype dtype) {
  switch (dtype) {
    case Dtype::u8:
      return run<uint8_t, F>;
    case Dtype::u16:
      return run<uint16_t, F>;
    case Dtype::u32:
      return run<uint32_t, F>;
    case Dtype::u64:
      return run<uint64_t, F>;
    case Dtype::i8:
      return run<int8_t, F>;
    case Dtype::i16:
      return run<int16_t, F>;
    case Dtype::i32:
      return run<int32_t, F>;
    case Dtype::i64:
      return run<int64_t, F>;
    default:
      return nullptr;
  }
}

template <typename F>
MapFunction any(Dtype dtype) {
  return is_floating(dtype) ? floating<F>(dtype) : integral<F>(dtype);
}

template <typename F>
MapFunction test(Dtype dtype) {
  switch (dtype) {
    case Dtype::f32:
      return run_test<float, F>;
    case Dtype::f16:
      return run_test<float16, F>;
    case Dtype::bf16:
      return run_test<bfloat16, F>;
    case Dtype::f64:
      return run_test<double, F>;
    default:
      return nullptr;
  }
}

void not_bool(const void* const* in, void* out, int64_t n) {
  const bool* a = static_cast<const bool*>(in[0]);
  bool* target = static_cast<bool*>(out);
  for (int64_t i = 0; i < n; ++i) target[i] = !a[i];
}

void copy_run(const void* const* in, void* out, int64_t n, size_t size) {
  if (in[0] != out) __builtin_memcpy(out, in[0], static_cast<size_t>(n) * size);
}

// Rounding an integer changes nothing.
MapFunction rounding(MapFunction function, Dtype dtype) {
  return is_floating(dtype) ? function : find_copy_map(dtype);
}

// 0 and 1 are their own size, sign and square.
template <typename F>
MapFunction any_or_bool(Dtype dtype) {
  return dtype == Dtype::bool_ ? find_copy_map(dtype) : any<F>(dtype);
}

struct Entry {
  std::string_view op;
  MapFunction (*select)(Dtype dtype);
};

constexpr Entry entries[] = {
    {"abs", any_or_bool<Abs>},
    {"negative", any<Negative>},
    {"sign", any_or_bool<Sign>},
    {"square", any_or_bool<Square>},
    {"bitwise_invert",
     [](Dtype d) { return d == Dtype::bool_ ? not_bool : integral<BitwiseInvert>(d); }},
    {"floor", [](Dtype d) { return rounding(floating<Floor>(d), d); }},
    {"ceil", [](Dtype d) { return rounding(floating<Ceil>(d), d); }},
    {"round", [](Dtype d) { return rounding(floating<Round>(d), d); }},
    {"exp", floating_kernel<&ElementwiseKernels::exp, Exp>},
    {"expm1", floating<Expm1>},
    {"log", floating_kernel<&ElementwiseKernels::log, Log>},
    {"log1p", floating<Log1p>},
    {"log2", floating<Log2>},
    {"sqrt", floating<Sqrt>},
    {"rsqrt", floating<Rsqrt>},
    {"reciprocal", floating<Reciprocal>},
    {"sin", floating_kernel<&ElementwiseKernels::sin, Sin>},
    {"cos", floating_kernel<&ElementwiseKernels::cos, Cos>},
    {"tanh", floating_kernel<&ElementwiseKernels::tanh, Tanh>},
    {"erf", floating_kernel<&ElementwiseKernels::erf, Erf>},
    {"erfinv", floating<Erfinv>},
    {"sigmoid", floating_kernel<&ElementwiseKernels::sigmoid, Sigmoid>},
    {"softplus", floating_kernel<&ElementwiseKernels::softplus, Softplus>},
    {"silu", floating_kernel<&ElementwiseKernels::silu, Silu>},
    {"gelu", floating_kernel<&ElementwiseKernels::gelu, Gelu>},
    {"gelu_tanh", floating_kernel<&ElementwiseKernels::gelu_tanh, GeluTanh>},
    {"logical_not", [](Dtype) -> MapFunction { return not_bool; }},
    {"isnan", test<IsNan>},
    {"isinf", test<IsInf>},
    {"isfinite", test<IsFinite>},
};

}  // namespace

MapFunction find_unary_map(std::string_view op, Dtype in, Dtype) {
  for (const Entry& entry : entries) {
    if (entry.op == op) return entry.select(in);
  }
  return nullptr;
}

MapFunction find_copy_map(Dtype dtype) {
  switch (size_of(dtype)) {
    case 1:
      return [](const void* const* in, void* out, int64_t n) { copy_run(in, out, n, 1); };
    case 2:
      return [](const void* const* in, void* out, int64_t n) { copy_run(in, out, n, 2); };
    case 4:
      return [](const void* const* in, void* out, int64_t n) { copy_run(in, out, n, 4); };
    default:
      return [](const void* const* in, void* out, int64_t n) { copy_run(in, out, n, 8); };
  }
}

}  // namespace tarn::cpu
