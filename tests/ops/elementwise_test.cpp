#include "tarn/ops/elementwise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tarn/ops/creation.h"
#include "tarn/ops/shape.h"
#include "tests/support/errors.h"

namespace tarn {
namespace {

using testing::ElementsAre;
using testing::IsNan;

constexpr float inf = INFINITY;
constexpr Dtype floats[] = {Dtype::f16, Dtype::bf16, Dtype::f32, Dtype::f64};

struct FloatOp {
  const char* name;
  array (*op)(const array&);
  double (*reference)(double);
};

const FloatOp float_ops[] = {
    {"exp", exp, [](double x) { return std::exp(x); }},
    {"expm1", expm1, [](double x) { return std::expm1(x); }},
    {"log", log, [](double x) { return std::log(x); }},
    {"log1p", log1p, [](double x) { return std::log1p(x); }},
    {"log2", log2, [](double x) { return std::log2(x); }},
    {"sqrt", sqrt, [](double x) { return std::sqrt(x); }},
    {"rsqrt", rsqrt, [](double x) { return 1 / std::sqrt(x); }},
    {"reciprocal", reciprocal, [](double x) { return 1 / x; }},
    {"sin", sin, [](double x) { return std::sin(x); }},
    {"cos", cos, [](double x) { return std::cos(x); }},
    {"tanh", tanh, [](double x) { return std::tanh(x); }},
    {"erf", erf, [](double x) { return std::erf(x); }},
    {"sigmoid", sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }},
    {"softplus", softplus, [](double x) { return std::log1p(std::exp(x)); }},
    {"silu", silu, [](double x) { return x / (1 + std::exp(-x)); }},
    {"gelu", gelu, [](double x) { return x / 2 * (1 + std::erf(x / std::sqrt(2.0))); }},
    {"gelu_tanh", gelu_tanh,
     [](double x) {
       const double inner = std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x);
       return x / 2 * (1 + std::tanh(inner));
     }},
    {"square", square, [](double x) { return x * x; }},
    {"abs", abs, [](double x) { return std::abs(x); }},
    {"negative", negative, [](double x) { return -x; }},
    {"floor", floor, [](double x) { return std::floor(x); }},
    {"ceil", ceil, [](double x) { return std::ceil(x); }},
    {"round", round, [](double x) { return std::nearbyint(x); }},
};

TEST(Elementwise, FloatFunctionsOnEveryFloatType) {
  for (const Dtype dtype : floats) {
    // A few units in the last place of the type, and cancellation next to zeros of functions.
    const double unit = dtype == Dtype::f16    ? 0x1p-11
                        : dtype == Dtype::bf16 ? 0x1p-8
                        : dtype == Dtype::f32  ? 0x1p-22
                                               : 0x1p-50;
    const array x = astype(linspace(0.03, 7.9, 301, Dtype::f64), dtype);
    const std::vector<double> inputs = x.to_vector<double>();
    for (const FloatOp& f : float_ops) {
      const array y = f.op(x);
      ASSERT_EQ(y.dtype(), dtype) << f.name;
      const std::vector<double> got = y.to_vector<double>();
      for (size_t i = 0; i < inputs.size(); ++i) {
        const double expected = f.reference(inputs[i]);
        ASSERT_NEAR(got[i], expected, unit * (0.1 + std::abs(expected)))
            << f.name << "(" << inputs[i] << ") as " << name(dtype);
      }
    }
  }
}

TEST(Elementwise, FloatFunctionsTakeIntegersAsFloat32) {
  for (const FloatOp& f : float_ops) {
    if (f.op == square || f.op == abs || f.op == negative || f.op == floor || f.op == ceil ||
        f.op == round) {
      EXPECT_EQ(f.op(array(2)).dtype(), Dtype::i32) << f.name;
    } else {
      EXPECT_EQ(f.op(array(2)).dtype(), Dtype::f32) << f.name;
      EXPECT_EQ(f.op(array(true)).dtype(), Dtype::f32) << f.name;
    }
  }
}

TEST(Elementwise, ErfinvUndoesErf) {
  const array y({0.0F, 0.5F, -0.9F, 0.99999F, 1e-6F, 1.0F, -1.0F, 2.0F}, {8});
  EXPECT_THAT(
      erfinv(y).to_vector<float>(),
      ElementsAre(0, 0.47693628F, testing::FloatNear(-1.1630871F, 2e-7F),
                  testing::FloatNear(3.1232059F, 5e-7F), 8.8622692e-7F, inf, -inf, IsNan()));
  const array x = linspace(-5, 5, 101, Dtype::f64);
  const std::vector<double> back = erfinv(erf(x)).to_vector<double>();
  // erf is flat at 5: an ulp of it (2^-53) is 1e-16 / erf'(5) = 1e-5 of x.
  for (size_t i = 0; i <= 100; ++i) {
    EXPECT_NEAR(back[i], x.to_vector<double>()[i], 1e-5) << i;
    if (i > 30 && i < 70) {
      EXPECT_NEAR(back[i], x.to_vector<double>()[i], 1e-14) << i;
    }
  }
}

TEST(Elementwise, RoundingGoesToEvenAndLeavesIntegersAlone) {
  const array a({-1.5F, -0.5F, 0.5F, 1.5F, 2.5F}, {5});
  EXPECT_THAT(round(a).to_vector<float>(), ElementsAre(-2, 0, 0, 2, 2));
  EXPECT_THAT(floor(array({INT32_MAX, -3}, {2})).to_vector<int>(), ElementsAre(INT32_MAX, -3));
  EXPECT_TRUE(ceil(array(true)).item<bool>());
}

TEST(Elementwise, SignsAndSizes) {
  EXPECT_THAT(sign(array({-2.0F, 0.0F, 3.0F, NAN}, {4})).to_vector<float>(),
              ElementsAre(-1, 0, 1, IsNan()));
  EXPECT_THAT(abs(array({INT32_MIN, -5, 5}, {3})).to_vector<int>(), ElementsAre(INT32_MIN, 5, 5));
  EXPECT_THAT(abs(array({int8_t{-128}, int8_t{-1}}, {2})).to_vector<int>(), ElementsAre(-128, 1));
  EXPECT_THAT(abs(array({-inf, -0.0F}, {2})).to_vector<float>(), ElementsAre(inf, 0));
  EXPECT_THAT(negative(array({INT64_MIN, int64_t{1}}, {2})).to_vector<int64_t>(),
              ElementsAre(INT64_MIN, -1));
  EXPECT_THAT(negative(array({uint8_t{1}}, {1})).to_vector<int>(), ElementsAre(255));
  EXPECT_THAT(square(array({uint8_t{20}}, {1})).to_vector<int>(), ElementsAre(400 % 256));
  for (const auto op : {abs, sign, square}) EXPECT_TRUE(op(array(true)).item<bool>());
  EXPECT_EQ(error_of([] { negative(array(true)); }),
            "[negative] booleans have no negative; use logical_not");
}

TEST(Elementwise, ArithmeticOnEveryType) {
  for (int d = 1; d <= static_cast<int>(Dtype::f64); ++d) {
    const auto dtype = static_cast<Dtype>(d);
    const array a = astype(array({7, 2, 5}, {3}), dtype);
    const array b = astype(array({2, 5, 5}, {3}), dtype);
    EXPECT_EQ((a + b).dtype(), dtype);
    EXPECT_THAT((a + b).to_vector<float>(), ElementsAre(9, 7, 10)) << name(dtype);
    EXPECT_THAT((a * b).to_vector<float>(), ElementsAre(14, 10, 25)) << name(dtype);
    EXPECT_THAT(maximum(a, b).to_vector<float>(), ElementsAre(7, 5, 5)) << name(dtype);
    EXPECT_THAT(minimum(a, b).to_vector<float>(), ElementsAre(2, 2, 5)) << name(dtype);
    EXPECT_THAT(floor_divide(a, b).to_vector<float>(), ElementsAre(3, 0, 1)) << name(dtype);
    EXPECT_THAT(remainder(a, b).to_vector<float>(), ElementsAre(1, 2, 0)) << name(dtype);
    EXPECT_THAT(power(b, astype(array(3), dtype)).to_vector<float>(), ElementsAre(8, 125, 125));
    EXPECT_THAT(equal(a, b).to_vector<int>(), ElementsAre(0, 0, 1)) << name(dtype);
    EXPECT_THAT(not_equal(a, b).to_vector<int>(), ElementsAre(1, 1, 0)) << name(dtype);
    EXPECT_THAT((a < b).to_vector<int>(), ElementsAre(0, 1, 0)) << name(dtype);
    EXPECT_THAT((a <= b).to_vector<int>(), ElementsAre(0, 1, 1)) << name(dtype);
    EXPECT_THAT((a > b).to_vector<int>(), ElementsAre(1, 0, 0)) << name(dtype);
    EXPECT_THAT((a >= b).to_vector<int>(), ElementsAre(1, 0, 1)) << name(dtype);
    EXPECT_EQ(divide(a, b).dtype(), is_floating(dtype) ? dtype : Dtype::f32);
    EXPECT_EQ(divide(a, b).to_vector<float>()[0], 3.5F) << name(dtype);
    EXPECT_THAT(where(a < b, a, b).to_vector<float>(), ElementsAre(2, 2, 5)) << name(dtype);
    EXPECT_THAT(clip(a, array(3), array(6)).to_vector<float>(), ElementsAre(6, 3, 5));
  }
}

TEST(Elementwise, IntegersWrapAndDivideDownwards) {
  EXPECT_EQ((array(INT32_MAX) + array(1)).item<int>(), INT32_MIN);
  EXPECT_EQ((array(INT32_MIN) - array(1)).item<int>(), INT32_MAX);
  EXPECT_EQ((array({INT64_MAX}, {}) * array({int64_t{2}}, {})).item<int64_t>(), -2);
  EXPECT_EQ((array({uint8_t{250}}, {}) + array({uint8_t{10}}, {})).item<int>(), 4);
  const array a({-7, 7, 7, INT32_MIN, 3}, {5});
  const array b({2, -2, 2, -1, 0}, {5});
  EXPECT_THAT(floor_divide(a, b).to_vector<int>(), ElementsAre(-4, -4, 3, INT32_MIN, 0));
  EXPECT_THAT(remainder(a, b).to_vector<int>(), ElementsAre(1, -1, 1, 0, 0));
  EXPECT_THAT(
      power(array({2, -1, -1, 1, 0, 3}, {6}), array({-1, -3, -2, -5, 0, 21}, {6})).to_vector<int>(),
      ElementsAre(0, -1, 1, 1, 1, static_cast<int>(10460353203LL & 0xffffffff)));
}

TEST(Elementwise, FloatsDivideAsInMlx) {
  const array a({-7.5F, 7.5F, 5.0F, -1.0F, 4.0F}, {5});
  const array b({2.0F, -2.0F, 0.0F, inf, -2.0F}, {5});
  EXPECT_THAT(floor_divide(a, b).to_vector<float>(), ElementsAre(-4, -4, inf, -0.0F, -2));
  EXPECT_THAT(remainder(a, b).to_vector<float>(), ElementsAre(0.5F, -0.5F, IsNan(), inf, 0));
  EXPECT_THAT((a / b).to_vector<float>(), ElementsAre(-3.75F, -3.75F, inf, 0, -2));
  EXPECT_FLOAT_EQ(arctan2(array(1.0F), array(-1.0F)).item<float>(), 2.3561945F);
}

TEST(Elementwise, LogaddexpAndExtremesHandleSpecialValues) {
  const array a({NAN, inf, -inf, inf, 1000.0F}, {5});
  const array b({inf, NAN, -inf, -inf, 1000.0F}, {5});
  EXPECT_THAT(logaddexp(a, b).to_vector<float>(),
              ElementsAre(IsNan(), IsNan(), -inf, inf, 1000 + std::log(2.0F)));
  EXPECT_THAT(maximum(a, b).to_vector<float>(), ElementsAre(IsNan(), IsNan(), -inf, inf, 1000));
  EXPECT_THAT(minimum(a, b).to_vector<float>(), ElementsAre(IsNan(), IsNan(), -inf, -inf, 1000));
  EXPECT_THAT(isnan(a).to_vector<int>(), ElementsAre(1, 0, 0, 0, 0));
  EXPECT_THAT(isinf(a).to_vector<int>(), ElementsAre(0, 1, 1, 1, 0));
  EXPECT_THAT(isfinite(a).to_vector<int>(), ElementsAre(0, 0, 0, 0, 1));
  EXPECT_THAT(equal(a, a).to_vector<int>(), ElementsAre(0, 1, 1, 1, 1));
}

TEST(Elementwise, BooleansAreZeroAndOne) {
  const array a({false, false, true, true}, {4});
  const array b({false, true, false, true}, {4});
  EXPECT_THAT((a + b).to_vector<int>(), ElementsAre(0, 1, 1, 1));
  EXPECT_THAT((a - b).to_vector<int>(), ElementsAre(0, 1, 1, 0));
  EXPECT_THAT((a * b).to_vector<int>(), ElementsAre(0, 0, 0, 1));
  EXPECT_THAT(power(a, b).to_vector<int>(), ElementsAre(1, 0, 1, 1));
  EXPECT_THAT(maximum(a, b).to_vector<int>(), ElementsAre(0, 1, 1, 1));
  EXPECT_THAT(less(a, b).to_vector<int>(), ElementsAre(0, 1, 0, 0));
  EXPECT_THAT(logical_and(a, b).to_vector<int>(), ElementsAre(0, 0, 0, 1));
  EXPECT_THAT(logical_or(a, array({0.0F, NAN, 0.0F, 0.5F}, {4})).to_vector<int>(),
              ElementsAre(0, 1, 1, 1));
  EXPECT_THAT(logical_not(array({0, 3}, {2})).to_vector<int>(), ElementsAre(1, 0));
  EXPECT_THAT(bitwise_invert(a).to_vector<int>(), ElementsAre(1, 1, 0, 0));
  EXPECT_EQ((a + array(1)).dtype(), Dtype::i32);
}

TEST(Elementwise, BitsAndShifts) {
  const array a({int8_t{-8}, int8_t{5}}, {2});
  const array b({int8_t{1}, int8_t{9}}, {2});
  EXPECT_THAT(bitwise_and(a, b).to_vector<int>(), ElementsAre(0, 1));
  EXPECT_THAT(bitwise_or(a, b).to_vector<int>(), ElementsAre(-7, 13));
  EXPECT_THAT(bitwise_xor(a, b).to_vector<int>(), ElementsAre(-7, 12));
  EXPECT_THAT(left_shift(a, b).to_vector<int>(), ElementsAre(-16, 0));
  EXPECT_THAT(right_shift(a, b).to_vector<int>(), ElementsAre(-4, 0));
  EXPECT_THAT(right_shift(a, array({int8_t{100}}, {1})).to_vector<int>(), ElementsAre(-1, 0));
  EXPECT_THAT(bitwise_invert(a).to_vector<int>(), ElementsAre(7, -6));
  EXPECT_EQ(left_shift(array(true), array(true)).dtype(), Dtype::u8);
  EXPECT_EQ(error_of([] { bitwise_and(array(1.0F), array(1)); }),
            "[bitwise_and] needs integers or booleans, got float32; cast with astype");
  EXPECT_EQ(error_of([] { left_shift(array({uint64_t{1}}, {}), array(1)); }),
            "[left_shift] uint64 and int32 share no integer type; cast one");
  EXPECT_EQ(error_of([] { bitwise_invert(array(1.0F)); }),
            "[bitwise_invert] needs integers or booleans, got float32; cast with astype");
}

TEST(Elementwise, CastsSaturateAndRound) {
  const array a({-1e20F, 300.7F, NAN, -0.9F}, {4});
  EXPECT_THAT(astype(a, Dtype::u8).to_vector<int>(), ElementsAre(0, 255, 0, 0));
  EXPECT_THAT(astype(a, Dtype::i64).to_vector<int64_t>(), ElementsAre(INT64_MIN, 300, 0, 0));
  EXPECT_THAT(astype(a, Dtype::bool_).to_vector<int>(), ElementsAre(1, 1, 1, 1));
  EXPECT_EQ(astype(array({inf}, {}), Dtype::u64).item<uint64_t>(), UINT64_MAX);
  EXPECT_THAT(astype(array({1.00390625F, 1e6F}, {2}), Dtype::f16).to_vector<float>(),
              ElementsAre(1.00390625F, inf));
  EXPECT_THAT(astype(array({1.00390625F, 1e6F}, {2}), Dtype::bf16).to_vector<float>(),
              ElementsAre(1, 999424));
  for (int from = 0; from <= static_cast<int>(Dtype::f64); ++from) {
    for (int to = 0; to <= static_cast<int>(Dtype::f64); ++to) {
      const array one =
          astype(astype(array({0, 1}, {2}), static_cast<Dtype>(from)), static_cast<Dtype>(to));
      EXPECT_THAT(one.to_vector<double>(), ElementsAre(0, 1));
    }
  }
}

TEST(Elementwise, PromotesAndBroadcasts) {
  const array column({1, 2, 3}, {3, 1});
  EXPECT_EQ((column + ones({4})).shape(), (Shape{3, 4}));
  EXPECT_EQ((column + ones({4}, Dtype::f16)).dtype(), Dtype::f16);
  EXPECT_EQ((ones({1}, Dtype::bf16) + ones({1}, Dtype::f16)).dtype(), Dtype::f32);
  EXPECT_EQ((ones({1}, Dtype::u8) + ones({1}, Dtype::i8)).dtype(), Dtype::i16);
  EXPECT_EQ((ones({1}, Dtype::bf16) * 2.0F).dtype(), Dtype::bf16);
  EXPECT_EQ((2.0F - ones({1}, Dtype::i32)).dtype(), Dtype::f32);
  EXPECT_EQ((zeros({0, 3}) + ones({3})).to_vector<float>().size(), 0U);
  EXPECT_THAT(where(array({true, false}, {2}), array(1), array(2.5F)).to_vector<float>(),
              ElementsAre(1, 2.5F));
  EXPECT_EQ(error_of([] { ones({2}) + ones({3}); }),
            "[add] shapes (2) and (3) do not broadcast: extents 2 and 3 differ and neither is 1; "
            "reshape one of them");
  EXPECT_EQ(error_of([] { eval({remainder(array(true), array(true))}); }),
            "[remainder] unit cpu cannot compute it on bool; cast the operands first");
}

TEST(Elementwise, LongFusedChainsOverMixedTypesAndViews) {
  // More values than a fused step has registers, several types, strided and constant inputs.
  const int64_t n = 1000;
  const array base = reshape(arange(n * 3), {n, 3});
  array x = astype(transpose(base), Dtype::f32);  // [3, n]
  std::vector<double> expected(static_cast<size_t>(3 * n));
  for (size_t c = 0; c < 3; ++c) {
    for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
      expected[c * static_cast<size_t>(n) + i] = static_cast<double>(i * 3 + c);
    }
  }
  for (int step = 0; step < 40; ++step) {
    const array row = astype(arange(n) + array(step), Dtype::f64);
    x = astype(where(x > row, x - 1.0F, x + 2.0F), step % 2 == 0 ? Dtype::f64 : Dtype::f32);
    for (size_t i = 0; i < expected.size(); ++i) {
      const double bound = static_cast<double>(i % static_cast<size_t>(n)) + step;
      expected[i] += expected[i] > bound ? -1 : 2;
    }
  }
  EXPECT_EQ(x.to_vector<double>(), expected);
}

}  // namespace
}  // namespace tarn
