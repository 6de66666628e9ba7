#include "tarn/cpu/isa/norm.h"

#include "tests/cpu/kernel_test_support.h"

namespace tarn::cpu {
namespace {

constexpr int64_t rows = 5;
constexpr int64_t widths[] = {1, 3, 17, 80, 127, 256, 1031};

// Sums of up to 1031 squares in float, then a handful of multiplications: a few units in the last
// place of results of size 1 to 4, gates and weights below 2.
constexpr double tolerance = 4e-6;

struct Rows {
  int64_t d, ldx;
  std::vector<float> x, gate;
  Stored weight, bias;

  Rows(int64_t d_, FloatType type) : d(d_), ldx(d_ + 2) {
    Random random(static_cast<uint32_t>(d));
    x = random.floats(static_cast<size_t>(rows * ldx), -1.F, 2.F);
    gate = random.floats(static_cast<size_t>(rows * ldx), -3.F, 3.F);
    weight = stored(random.floats(static_cast<size_t>(d), 0.F, 1.F), type);
    bias = stored(random.floats(static_cast<size_t>(d)), type);
  }
  double at(int64_t r, int64_t i) const { return x[static_cast<size_t>(r * ldx + i)]; }
  double mean(int64_t r) const {
    double sum = 0;
    for (int64_t i = 0; i < d; ++i) sum += at(r, i);
    return sum / static_cast<double>(d);
  }
  double squares(int64_t r, double shift) const {
    double sum = 0;
    for (int64_t i = 0; i < d; ++i) sum += (at(r, i) - shift) * (at(r, i) - shift);
    return sum;
  }
  NormArgs args(float* out, FloatType type) const {
    NormArgs a{};
    a.x = x.data();
    a.ldx = ldx;
    a.out = out;
    a.ldo = d;
    a.d = d;
    a.param_type = type;
    a.eps = 1e-5F;
    return a;
  }
};

template <typename F>
void for_every_case(F f) {
  for (const Isa isa : available_isas())
    for (const FloatType type : all_types)
      for (const int64_t d : widths)
        f(norm_kernels(isa), type, Rows(d, type), std::string(name(isa)));
}

TEST(RmsNorm, MatchesDouble) {
  for_every_case(
      [](const NormKernels& kernels, FloatType type, const Rows& data, const std::string& what) {
        for (const bool weighted : {false, true})
          for (const bool gated : {false, true}) {
            std::vector<float> out(static_cast<size_t>(rows * data.d));
            NormArgs args = data.args(out.data(), type);
            args.weight = weighted ? data.weight.data() : nullptr;
            args.weight_offset = weighted ? 1.F : 0.F;
            args.gate = gated ? data.gate.data() : nullptr;
            args.ldg = data.ldx;
            kernels.rms_norm(args, 0, rows);
            std::vector<double> want;
            for (int64_t r = 0; r < rows; ++r) {
              const double inverse =
                  1 / std::sqrt(data.squares(r, 0) / static_cast<double>(data.d) + 1e-5);
              for (int64_t i = 0; i < data.d; ++i) {
                double y = data.at(r, i) * inverse;
                if (weighted) y *= data.weight.values[static_cast<size_t>(i)] + 1.;
                if (gated) {
                  const double g = data.gate[static_cast<size_t>(r * data.ldx + i)];
                  y *= g / (1 + std::exp(-g));
                }
                want.push_back(y);
              }
            }
            expect_near(out, want, tolerance, what);
          }
      });
}

TEST(LayerNorm, MatchesDouble) {
  for_every_case(
      [](const NormKernels& kernels, FloatType type, const Rows& data, const std::string& what) {
        for (const bool affine : {false, true}) {
          std::vector<float> out(static_cast<size_t>(rows * data.d));
          NormArgs args = data.args(out.data(), type);
          args.weight = affine ? data.weight.data() : nullptr;
          args.bias = affine ? data.bias.data() : nullptr;
          kernels.layer_norm(args, 0, rows);
          std::vector<double> want;
          for (int64_t r = 0; r < rows; ++r) {
            const double mean = data.mean(r);
            const double inverse =
                1 / std::sqrt(data.squares(r, mean) / static_cast<double>(data.d) + 1e-5);
            for (int64_t i = 0; i < data.d; ++i) {
              double y = (data.at(r, i) - mean) * inverse;
              if (affine)
                y = y * data.weight.values[static_cast<size_t>(i)] +
                    data.bias.values[static_cast<size_t>(i)];
              want.push_back(y);
            }
          }
          // At width 1 the exact difference from the mean is 0, and so is ours.
          expect_near(out, want, tolerance, what);
        }
      });
}

TEST(L2Norm, MatchesDouble) {
  for_every_case(
      [](const NormKernels& kernels, FloatType, const Rows& data, const std::string& what) {
        std::vector<float> out(static_cast<size_t>(rows * data.d));
        kernels.l2_norm({.x = data.x.data(),
                         .ldx = data.ldx,
                         .out = out.data(),
                         .ldo = data.d,
                         .d = data.d,
                         .eps = 1e-6F,
                         .scale = 0.25F},
                        0, rows);
        std::vector<double> want;
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t i = 0; i < data.d; ++i)
            want.push_back(data.at(r, i) * 0.25 / std::sqrt(data.squares(r, 0) + 1e-6));
        expect_near(out, want, 1e-6, what);
      });
}

TEST(Softmax, MatchesDouble) {
  for_every_case([](const NormKernels& kernels, FloatType, Rows data, const std::string& what) {
    data.x[0] = -INFINITY;  // a hidden element
    if (data.d > 20) data.x[20] = -INFINITY;
    for (int64_t i = 0; i < data.d; ++i)  // a row with nothing but hidden ones
      data.x[static_cast<size_t>(2 * data.ldx + i)] = -INFINITY;
    std::vector<float> out(static_cast<size_t>(rows * data.d));
    kernels.softmax({.x = data.x.data(),
                     .ldx = data.ldx,
                     .out = out.data(),
                     .ldo = data.d,
                     .d = data.d,
                     .scale = 3.F},
                    0, rows);
    std::vector<double> want;
    for (int64_t r = 0; r < rows; ++r) {
      double sum = 0;
      for (int64_t i = 0; i < data.d; ++i) sum += std::exp(3 * data.at(r, i));
      for (int64_t i = 0; i < data.d; ++i)
        want.push_back(sum == 0 ? 0. : std::exp(3 * data.at(r, i)) / sum);
    }
    expect_near(out, want, 1e-6, what);
  });
}

TEST(Softmax, NotANumberSpreadsOverItsRow) {
  for (const Isa isa : available_isas())
    for (const float poison : {NAN, INFINITY})
      for (const size_t place : {0U, 18U, 36U}) {
        std::vector<float> x(37, 1.F);
        x[place] = poison;
        norm_kernels(isa).softmax({.x = x.data(), .ldx = 37, .out = x.data(), .ldo = 37, .d = 37},
                                  0, 1);
        for (const float y : x) EXPECT_TRUE(std::isnan(y)) << name(isa);
      }
}

TEST(Norms, BitsDoNotDependOnTheSplitAndInPlaceIsTheSame) {
  for_every_case(
      [](const NormKernels& kernels, FloatType type, const Rows& data, const std::string& what) {
        std::vector<float> whole(data.x.size()), parts(data.x);
        NormArgs args = data.args(whole.data(), type);
        args.weight = data.weight.data();
        args.ldo = data.ldx;
        NormArgs in_place = args;
        in_place.x = in_place.out = parts.data();
        for (const auto kernel : {kernels.rms_norm, kernels.layer_norm}) {
          parts = data.x;
          whole = data.x;
          kernel(args, 0, rows);
          for (const int64_t r : {3, 0, 4, 1, 2}) kernel(in_place, r, r + 1);
          expect_same_bits(whole, parts, what);
        }
        parts = data.x;
        whole = data.x;
        SoftmaxArgs softmax{
            .x = data.x.data(), .ldx = data.ldx, .out = whole.data(), .ldo = data.ldx, .d = data.d};
        kernels.softmax(softmax, 0, rows);
        softmax.x = softmax.out = parts.data();
        kernels.softmax(softmax, 2, rows);
        kernels.softmax(softmax, 0, 2);
        expect_same_bits(whole, parts, what);
      });
}

}  // namespace
}  // namespace tarn::cpu
