#include <cmath>
#include <limits>
#include <type_traits>

#include "tarn/cpu/maps.h"

namespace tarn::cpu {
namespace {

// Integer arithmetic wraps: it is done on the unsigned type.
template <typename T>
using Wrapping = std::conditional_t<std::is_integral_v<T>, uint64_t, T>;

template <typename T, typename Out, typename F>
void run(const void* const* in, void* out, int64_t n) {
  const T* a = static_cast<const T*>(in[0]);
  const T* b = static_cast<const T*>(in[1]);
  Out* target = static_cast<Out*>(out);
  for (int64_t i = 0; i < n; ++i) {
    const auto value = F::apply(Compute<T>::load(a[i]), Compute<T>::load(b[i]));
    if constexpr (std::is_same_v<T, Out>) {
      target[i] = Compute<T>::store(static_cast<typename Compute<T>::type>(value));
    } else {
      target[i] = value;
    }
  }
}

#define TARN_FUNCTION(NAME, EXPRESSION) \
  struct NAME {                         \
    template <typename T>               \
    static auto apply(T a, T b) {       \
      return EXPRESSION;                \
    }                                   \
  };

TARN_FUNCTION(Add, static_cast<Wrapping<T>>(a) + static_cast<Wrapping<T>>(b))
TARN_FUNCTION(Subtract, static_cast<Wrapping<T>>(a) - static_cast<Wrapping<T>>(b))
TARN_FUNCTION(Multiply, static_cast<Wrapping<T>>(a) * static_cast<Wrapping<T>>(b))
TARN_FUNCTION(Divide, a / b)
TARN_FUNCTION(Arctan2, std::atan2(a, b))
TARN_FUNCTION(Equal, a == b)
TARN_FUNCTION(NotEqual, a != b)
TARN_FUNCTION(Less, a < b)
TARN_FUNCTION(LessEqual, a <= b)
TARN_FUNCTION(Greater, a > b)
TARN_FUNCTION(GreaterEqual, a >= b)
TARN_FUNCTION(BitwiseAnd, a& b)
TARN_FUNCTION(BitwiseOr, a | b)
TARN_FUNCTION(BitwiseXor, a ^ b)
TARN_FUNCTION(BooleanPower, a || !b)

struct Maximum {
  template <typename T>
  static T apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      if (std::isnan(a)) return a;
      if (std::isnan(b)) return b;
    }
    return a > b ? a : b;
  }
};
struct Minimum {
  template <typename T>
  static T apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      if (std::isnan(a)) return a;
      if (std::isnan(b)) return b;
    }
    return a < b ? a : b;
  }
};
struct Power {
  template <typename T>
  static T apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      return std::pow(a, b);
    } else {
      if constexpr (std::is_signed_v<T>) {
        if (b < 0) return a == T(1) ? T(1) : (a == T(-1) ? ((b & 1) != 0 ? T(-1) : T(1)) : T(0));
      }
      uint64_t result = 1;
      auto base = static_cast<uint64_t>(a);
      for (auto exponent = static_cast<uint64_t>(b); exponent != 0; exponent >>= 1) {
        if ((exponent & 1) != 0) result *= base;
        base *= base;
      }
      return static_cast<T>(result);
    }
  }
};
struct FloorDivide {
  template <typename T>
  static T apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      return std::floor(a / b);
    } else {
      if (b == T(0)) return T(0);
      if constexpr (std::is_signed_v<T>) {
        if (b == T(-1)) return static_cast<T>(uint64_t{0} - static_cast<uint64_t>(a));
      }
      const T quotient = static_cast<T>(a / b);
      const bool adjust = a % b != 0 && ((a < T(0)) != (b < T(0)));
      return static_cast<T>(quotient - static_cast<T>(adjust));
    }
  }
};
struct Remainder {
  template <typename T>
  static T apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      const T rest = std::fmod(a, b);
      return rest != T(0) && ((rest < T(0)) != (b < T(0))) ? rest + b : rest;
    } else {
      if (b == T(0)) return T(0);
      if constexpr (std::is_signed_v<T>) {
        if (b == T(-1)) return T(0);
      }
      const T rest = static_cast<T>(a % b);
      return rest != T(0) && ((rest < T(0)) != (b < T(0))) ? static_cast<T>(rest + b) : rest;
    }
  }
};
struct Logaddexp {
  template <typename T>
  static T apply(T a, T b) {
    if (std::isnan(a) || std::isnan(b)) return a + b;
    const T high = a > b ? a : b;
    const T low = a > b ? b : a;
    if (std::isinf(high)) return high;
    return high + std::log1p(std::exp(low - high));
  }
};
// Shifts by the width or more give 0 (or the sign).
struct LeftShift {
  template <typename T>
  static T apply(T a, T b) {
    const auto by = static_cast<uint64_t>(b);
    return by >= sizeof(T) * 8 ? T(0) : static_cast<T>(static_cast<uint64_t>(a) << by);
  }
};
struct RightShift {
  template <typename T>
  static T apply(T a, T b) {
    const auto by = static_cast<uint64_t>(b);
    if (by >= sizeof(T) * 8) return static_cast<T>(a < T(0) ? T(-1) : T(0));
    return static_cast<T>(a >> by);
  }
};

template <typename F, bool to_bool, typename T>
MapFunction one() {
  return run<T, std::conditional_t<to_bool, bool, T>, F>;
}

template <typename F, bool to_bool = false>
MapFunction floating(Dtype dtype) {
  switch (dtype) {
    case Dtype::f32:
      return one<F, to_bool, float>();
    case Dtype::f16:
      return one<F, to_bool, float16>();
    case Dtype::bf16:
      return one<F, to_bool, bfloat16>();
    case Dtype::f64:
      return one<F, to_bool, double>();
    default:
      return nullptr;
  }
}

template <typename F, bool to_bool = false>
MapFunction integral(Dtype dtype) {
  switch (dtype) {
    case Dtype::u8:
      return one<F, to_bool, uint8_t>();
    case Dtype::u16:
      return one<F, to_bool, uint16_t>();
    case Dtype::u32:
      return one<F, to_bool, uint32_t>();
    case Dtype::u64:
      return one<F, to_bool, uint64_t>();
    case Dtype::i8:
      return one<F, to_bool, int8_t>();
    case Dtype::i16:
      return one<F, to_bool, int16_t>();
    case Dtype::i32:
      return one<F, to_bool, int32_t>();
    case Dtype::i64:
      return one<F, to_bool, int64_t>();
    default:
      return nullptr;
  }
}

template <typename F>
MapFunction any(Dtype dtype) {
  return is_floating(dtype) ? floating<F>(dtype) : integral<F>(dtype);
}
template <typename F>
MapFunction compare(Dtype dtype) {
  if (dtype == Dtype::bool_) return run<bool, bool, F>;
  return is_floating(dtype) ? floating<F, true>(dtype) : integral<F, true>(dtype);
}
template <typename F>
MapFunction bits(Dtype dtype) {
  return dtype == Dtype::bool_ ? run<bool, bool, F> : integral<F>(dtype);
}
// Arithmetic of booleans is that of 0 and 1, with anything but 0 as true.
template <typename F, typename Boolean>
MapFunction with_bool(Dtype dtype) {
  return dtype == Dtype::bool_ ? run<bool, bool, Boolean> : any<F>(dtype);
}

struct Entry {
  std::string_view op;
  MapFunction (*select)(Dtype dtype);
};

constexpr Entry entries[] = {
    {"add", with_bool<Add, BitwiseOr>},
    {"subtract", with_bool<Subtract, BitwiseXor>},
    {"multiply", with_bool<Multiply, BitwiseAnd>},
    {"divide", floating<Divide>},
    {"maximum", with_bool<Maximum, BitwiseOr>},
    {"minimum", with_bool<Minimum, BitwiseAnd>},
    {"power", with_bool<Power, BooleanPower>},
    {"remainder", any<Remainder>},
    {"floor_divide", any<FloorDivide>},
    {"arctan2", floating<Arctan2>},
    {"logaddexp", floating<Logaddexp>},
    {"equal", compare<Equal>},
    {"not_equal", compare<NotEqual>},
    {"less", compare<Less>},
    {"less_equal", compare<LessEqual>},
    {"greater", compare<Greater>},
    {"greater_equal", compare<GreaterEqual>},
    {"bitwise_and", bits<BitwiseAnd>},
    {"bitwise_or", bits<BitwiseOr>},
    {"bitwise_xor", bits<BitwiseXor>},
    {"left_shift", integral<LeftShift>},
    {"right_shift", integral<RightShift>},
};

template <typename Word>
void select_run(const void* const* in, void* out, int64_t n) {
  const bool* condition = static_cast<const bool*>(in[0]);
  const Word* a = static_cast<const Word*>(in[1]);
  const Word* b = static_cast<const Word*>(in[2]);
  Word* target = static_cast<Word*>(out);
  for (int64_t i = 0; i < n; ++i) target[i] = condition[i] ? a[i] : b[i];
}

}  // namespace

MapFunction find_binary_map(std::string_view op, Dtype in, Dtype) {
  for (const Entry& entry : entries) {
    if (entry.op == op) return entry.select(in);
  }
  return nullptr;
}

MapFunction find_where_map(Dtype dtype) {
  switch (size_of(dtype)) {
    case 1:
      return select_run<uint8_t>;
    case 2:
      return select_run<uint16_t>;
    case 4:
      return select_run<uint32_t>;
    default:
      return select_run<uint64_t>;
  }
}

}  // namespace tarn::cpu
