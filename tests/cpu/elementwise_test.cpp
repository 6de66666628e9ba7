#include "tarn/cpu/isa/elementwise.h"

#include "tests/cpu/kernel_test_support.h"

namespace tarn::cpu {
namespace {

struct Function {
  const char* name;
  ElementwiseKernels::Unary ElementwiseKernels::*kernel;
  std::function<double(double)> exact;
  float low, high;
  double relative, absolute;
};

double sigmoid(double x) { return 1. / (1. + std::exp(-x)); }
double softplus(double x) { return std::fmax(x, 0.) + std::log1p(std::exp(-std::fabs(x))); }
double gelu_tanh(double x) {
  return 0.5 * x * (1. + std::tanh(std::sqrt(2. / M_PI) * (x + 0.044715 * x * x * x)));
}

// One unit in the last place is 1.2e-7 relative at most. The library's and our exp and log keep 2
// of them; what is composed of several roundings gets 4. Where a result comes from a difference of
// near-equal numbers (gelu's tail, sin at multiples of pi) only an absolute bound can hold.
constexpr double ulp = 0x1p-23;
const Function functions[] = {
    {"exp", &ElementwiseKernels::exp, [](double x) { return std::exp(x); }, -87, 88, 2 * ulp, 0},
    {"exp to subnormals", &ElementwiseKernels::exp, [](double x) { return std::exp(x); }, -104, -87,
     2 * ulp, 0x1p-149},
    {"log", &ElementwiseKernels::log, [](double x) { return std::log(x); }, 1e-6F, 1e4F, 2 * ulp,
     0},
    {"log near 1", &ElementwiseKernels::log, [](double x) { return std::log(x); }, 0.9F, 1.1F,
     2 * ulp, 0},
    {"log of subnormals", &ElementwiseKernels::log, [](double x) { return std::log(x); }, 1e-44F,
     1e-38F, 2 * ulp, 0},
    {"sin", &ElementwiseKernels::sin, [](double x) { return std::sin(x); }, -10, 10, 2 * ulp, 1e-9},
    {"sin far", &ElementwiseKernels::sin, [](double x) { return std::sin(x); }, -9e5F, 9e5F,
     2 * ulp, 1e-8},
    {"sin very far", &ElementwiseKernels::sin, [](double x) { return std::sin(x); }, 1e6F, 1e9F,
     2 * ulp, 1e-9},
    {"cos", &ElementwiseKernels::cos, [](double x) { return std::cos(x); }, -10, 10, 2 * ulp, 1e-9},
    {"cos far", &ElementwiseKernels::cos, [](double x) { return std::cos(x); }, -9e5F, 9e5F,
     2 * ulp, 1e-8},
    {"tanh", &ElementwiseKernels::tanh, [](double x) { return std::tanh(x); }, -10, 10, 4 * ulp, 0},
    {"erf", &ElementwiseKernels::erf, [](double x) { return std::erf(x); }, -5, 5, 3 * ulp, 0},
    {"sigmoid", &ElementwiseKernels::sigmoid, sigmoid, -80, 80, 4 * ulp, 0},
    {"silu", &ElementwiseKernels::silu, [](double x) { return x * sigmoid(x); }, -80, 80, 4 * ulp,
     0},
    {"gelu", &ElementwiseKernels::gelu,
     [](double x) { return 0.5 * x * (1. + std::erf(x / std::sqrt(2.))); }, -8, 8, 4 * ulp, 3e-7},
    {"gelu_tanh", &ElementwiseKernels::gelu_tanh, gelu_tanh, -8, 8, 4 * ulp, 6e-7},
    {"softplus", &ElementwiseKernels::softplus, softplus, -60, 60, 4 * ulp, 0},
};

TEST(Elementwise, MatchesDouble) {
  for (const Isa isa : available_isas()) {
    const ElementwiseKernels& kernels = elementwise_kernels(isa);
    for (const Function& f : functions) {
      Random random(1);
      std::vector<float> x = random.floats(20011, f.low, f.high);
      std::vector<float> y(x.size());
      (kernels.*f.kernel)(x.data(), y.data(), static_cast<int64_t>(x.size()));
      for (size_t i = 0; i < x.size(); ++i) {
        const double want = f.exact(x[i]);
        ASSERT_NEAR(y[i], want, std::fabs(want) * f.relative + f.absolute)
            << name(isa) << " " << f.name << "(" << x[i] << ")";
      }
    }
  }
}

TEST(Elementwise, SpecialValues) {
  const float inf = INFINITY;
  for (const Isa isa : available_isas()) {
    const ElementwiseKernels& kernels = elementwise_kernels(isa);
    const auto at = [&](ElementwiseKernels::Unary kernel, float x) {
      float y = 0.F;
      kernel(&x, &y, 1);
      return y;
    };
    EXPECT_EQ(at(kernels.exp, 0.F), 1.F) << name(isa);
    EXPECT_EQ(at(kernels.exp, -inf), 0.F);
    EXPECT_EQ(at(kernels.exp, inf), inf);
    EXPECT_EQ(at(kernels.exp, 89.F), inf);
    EXPECT_EQ(at(kernels.log, 0.F), -inf);
    EXPECT_EQ(at(kernels.log, 1.F), 0.F);
    EXPECT_EQ(at(kernels.log, inf), inf);
    EXPECT_TRUE(std::isnan(at(kernels.log, -1.F)));
    EXPECT_EQ(at(kernels.tanh, inf), 1.F);
    EXPECT_EQ(at(kernels.tanh, -inf), -1.F);
    EXPECT_EQ(at(kernels.erf, 7.F), 1.F);
    EXPECT_EQ(at(kernels.erf, -inf), -1.F);
    EXPECT_EQ(at(kernels.sigmoid, -inf), 0.F);
    EXPECT_EQ(at(kernels.sigmoid, inf), 1.F);
    EXPECT_EQ(at(kernels.softplus, inf), inf);
    EXPECT_EQ(at(kernels.softplus, 100.F), 100.F);
    EXPECT_EQ(at(kernels.gelu, 20.F), 20.F);
    EXPECT_EQ(at(kernels.gelu_tanh, 20.F), 20.F);
    EXPECT_TRUE(std::isnan(at(kernels.sin, inf)));
    for (const Function& f : functions)
      EXPECT_TRUE(std::isnan(at(kernels.*f.kernel, NAN))) << name(isa) << " " << f.name;
  }
}

TEST(Elementwise, GatedAreTheProductOfTheirParts) {
  Random random(2);
  for (const Isa isa : available_isas()) {
    const ElementwiseKernels& kernels = elementwise_kernels(isa);
    const std::vector<float> gate = random.floats(103, -6, 6);
    const std::vector<float> up = random.floats(103, -6, 6);
    const auto check = [&](ElementwiseKernels::Gated gated, ElementwiseKernels::Unary act) {
      std::vector<float> y(gate.size()), want(gate.size());
      gated(gate.data(), up.data(), y.data(), 103);
      act(gate.data(), want.data(), 103);
      for (size_t i = 0; i < want.size(); ++i) want[i] *= up[i];
      expect_same_bits(y, want, std::string(name(isa)));
    };
    check(kernels.swiglu, kernels.silu);
    check(kernels.geglu, kernels.gelu);
    check(kernels.geglu_tanh, kernels.gelu_tanh);
  }
}

TEST(Elementwise, BitsDoNotDependOnTheSplit) {
  Random random(3);
  const std::vector<float> x = random.floats(1000, 0.01F, 20.F);
  for (const Isa isa : available_isas()) {
    const ElementwiseKernels& kernels = elementwise_kernels(isa);
    for (const Function& f : functions) {
      std::vector<float> whole(x.size()), parts(x);
      (kernels.*f.kernel)(x.data(), whole.data(), 1000);
      for (int64_t at = 0, step = 1; at < 1000; at += step, step = step % 37 + 1) {
        const int64_t n = std::min<int64_t>(step, 1000 - at);
        (kernels.*f.kernel)(parts.data() + at, parts.data() + at, n);  // in place
      }
      expect_same_bits(whole, parts, f.name);
    }
  }
}

}  // namespace
}  // namespace tarn::cpu
