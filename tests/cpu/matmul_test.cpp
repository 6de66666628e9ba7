#include "tarn/cpu/isa/matmul.h"

#include "tests/cpu/kernel_test_support.h"

namespace tarn::cpu {
namespace {

struct Problem {
  int64_t t, n, k, ldx, ldw;
  std::vector<float> x;
  Stored w;
  FloatType type;

  Problem(int64_t t_, int64_t n_, int64_t k_, FloatType type_, uint32_t seed)
      : t(t_), n(n_), k(k_), ldx(k_ + 3), ldw(k_ + 5), type(type_) {
    Random random(seed);
    x = random.floats(static_cast<size_t>(t * ldx));
    w = stored(random.floats(static_cast<size_t>(n * ldw)), type);
  }

  // Rows [t0, t1) in one call for each range of columns.
  std::vector<float> run(Isa isa, int64_t t0, int64_t t1, const std::vector<int64_t>& cuts) const {
    const MatmulKernels& kernels = matmul_kernels(isa);
    std::vector<float> out(static_cast<size_t>((t1 - t0) * n), NAN);
    const Scratch scratch(kernels.scratch_bytes(t1 - t0));
    const MatmulNtArgs args{.x = x.data() + t0 * ldx,
                            .ldx = ldx,
                            .w = w.data(),
                            .w_type = type,
                            .ldw = ldw,
                            .out = out.data(),
                            .ldo = n,
                            .t = t1 - t0,
                            .k = k};
    for (size_t i = 0; i + 1 < cuts.size(); ++i)
      kernels.matmul_nt(args, cuts[i], cuts[i + 1], scratch.get());
    return out;
  }

  std::vector<double> exact() const {
    std::vector<double> out;
    for (int64_t i = 0; i < t; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (int64_t l = 0; l < k; ++l)
          sum += static_cast<double>(x[static_cast<size_t>(i * ldx + l)]) *
                 w.values[static_cast<size_t>(j * ldw + l)];
        out.push_back(sum);
      }
    return out;
  }
};

// k additions, each rounded by half a unit (2^-24) of a sum that random signs keep near sqrt(k):
// the errors' own random walk makes that k * 2^-24; once more for the spread over many elements.
double tolerance(int64_t k) { return 2 * 0x1p-24 * static_cast<double>(k) + 1e-7; }

TEST(MatmulNt, MatchesDouble) {
  const int64_t shapes[][3] = {{1, 1, 1},    {1, 3, 17},    {1, 17, 80},   {1, 33, 1031},
                               {2, 5, 127},  {3, 17, 256},  {6, 9, 80},    {7, 3, 17},
                               {13, 70, 80}, {49, 67, 127}, {53, 9, 2100}, {100, 5, 1024}};
  for (const Isa isa : available_isas())
    for (const FloatType type : all_types)
      for (const auto& s : shapes) {
        const Problem p(s[0], s[1], s[2], type, 5);
        expect_near(p.run(isa, 0, p.t, {0, p.n}), p.exact(), tolerance(p.k),
                    std::string(name(isa)));
      }
}

TEST(MatmulNt, BitsDoNotDependOnRowsOrSplit) {
  for (const Isa isa : available_isas())
    for (const FloatType type : all_types)
      for (const int64_t k : {int64_t{1}, int64_t{127}, int64_t{1100}, int64_t{2048}}) {
        const Problem p(101, 71, k, type, 6);
        const std::vector<float> whole = p.run(isa, 0, p.t, {0, p.n});
        expect_same_bits(whole, p.run(isa, 0, p.t, {0, 1, 6, 23, 24, 70, 71}), "columns split");
        std::vector<float> rows;
        for (int64_t t = 0, step = 1; t < p.t; t += step, step = step % 9 + 1) {
          const int64_t end = std::min(p.t, t + step);
          const std::vector<float> part = p.run(isa, t, end, {0, 5, p.n});
          rows.insert(rows.end(), part.begin(), part.end());
        }
        expect_same_bits(whole, rows, "rows one to nine at a time");
      }
}

TEST(MatmulNt, EmptyProductIsZero) {
  for (const Isa isa : available_isas()) {
    const Problem p(2, 3, 0, FloatType::f32, 7);
    expect_same_bits(p.run(isa, 0, 2, {0, 3}), std::vector<float>(6, 0.F), "K = 0");
  }
}

}  // namespace
}  // namespace tarn::cpu
