#include "tarn/cpu/isa/matmul_bf16.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "tests/cpu/kernel_test_support.h"

namespace tarn::cpu {
namespace {

struct Problem {
  int64_t t, n, k, ldx, ldw;
  std::vector<float> x;
  std::vector<bfloat16> w;

  Problem(int64_t t_, int64_t n_, int64_t k_, uint32_t seed)
      : t(t_), n(n_), k(k_), ldx(k_ + 3), ldw(k_ + 5) {
    Random random(seed);
    x = random.floats(static_cast<size_t>(t * ldx));
    for (const float value : random.floats(static_cast<size_t>(n * ldw)))
      w.push_back(to_bfloat16(value));
  }

  static int64_t tiles(int64_t rows) { return (rows + bf16_tile_rows - 1) / bf16_tile_rows; }

  // Rows [t0, t1) in one call for each range of columns.
  std::vector<float> run(const MatmulBf16Kernels& kernels, int64_t t0, int64_t t1,
                         const std::vector<int64_t>& cuts) const {
    const int64_t rows = t1 - t0;
    const Scratch packed(static_cast<size_t>(bf16_packed_size(rows, k)) * sizeof(bfloat16));
    auto* const values = static_cast<bfloat16*>(packed.get());
    for (int64_t tile = 0; tile < tiles(rows); ++tile)
      kernels.pack(x.data() + t0 * ldx, ldx, rows, k, tile, tile + 1, values);
    std::vector<float> out(static_cast<size_t>(rows * n), NAN);
    const Scratch scratch(kernels.scratch_bytes(rows));
    const MatmulBf16Args args{
        .x = values, .w = w.data(), .ldw = ldw, .out = out.data(), .ldo = n, .t = rows, .k = k};
    for (size_t i = 0; i + 1 < cuts.size(); ++i)
      kernels.matmul_nt(args, cuts[i], cuts[i + 1], scratch.get());
    return out;
  }
  std::vector<float> run(const MatmulBf16Kernels& kernels) const {
    return run(kernels, 0, t, {0, n});
  }

  // Of the rounded x, in double.
  std::vector<double> exact() const {
    std::vector<double> out;
    for (int64_t i = 0; i < t; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (int64_t l = 0; l < k; ++l)
          sum += static_cast<double>(to_float(to_bfloat16(x[static_cast<size_t>(i * ldx + l)]))) *
                 to_float(w[static_cast<size_t>(j * ldw + l)]);
        out.push_back(sum);
      }
    return out;
  }
};

// One value of K, of fewer rows than lanes, of tails of every kind, and past each block.
constexpr int64_t shapes[][3] = {
    {1, 1, 1},    {1, 3, 17},     {1, 17, 80},    {1, 33, 1031},  {2, 5, 127},    {3, 17, 256},
    {6, 9, 80},   {7, 3, 31},     {12, 7, 33},    {13, 70, 80},   {49, 67, 127},  {53, 9, 2100},
    {100, 5, 32}, {193, 35, 100}, {200, 9, 1056}, {389, 3, 1025}, {25, 33, 3000},
};

std::vector<const MatmulBf16Kernels*> available_kernels() {
  std::vector<const MatmulBf16Kernels*> kernels;
  for (const Isa isa : available_isas()) {
    const MatmulBf16Kernels* table = &matmul_bf16_kernels(isa);
    if (std::find(kernels.begin(), kernels.end(), table) == kernels.end()) kernels.push_back(table);
  }
  return kernels;
}

// k additions rounded by half a unit (2^-24) of sums that random signs keep near sqrt(k), as of the
// float products.
TEST(MatmulBf16, PortableMatchesDouble) {
  for (const auto& s : shapes) {
    const Problem p(s[0], s[1], s[2], 5);
    expect_near(p.run(detail::matmul_bf16_portable), p.exact(),
                2 * 0x1p-24 * static_cast<double>(p.k) + 1e-7, std::to_string(p.k));
  }
}

TEST(MatmulBf16, EveryInstructionSetHasThePortableBits) {
  for (const MatmulBf16Kernels* kernels : available_kernels())
    for (const auto& s : shapes) {
      const Problem p(s[0], s[1], s[2], 6);
      expect_same_bits(p.run(*kernels), p.run(detail::matmul_bf16_portable),
                       std::to_string(p.t) + " rows, K = " + std::to_string(p.k));
    }
}

// Sums below and inputs below the least normal number, infinities and what they make.
TEST(MatmulBf16, ExtremesHaveThePortableBits) {
  for (const MatmulBf16Kernels* kernels : available_kernels())
    for (const float unit : {0x1p-64F, 0x1p-127F, 0x1p63F}) {
      Problem p(14, 9, 100, 7);
      for (float& x : p.x) x *= unit;
      for (bfloat16& w : p.w) w = to_bfloat16(to_float(w) * unit);
      const std::vector<float> got = p.run(*kernels);
      const std::vector<float> want = p.run(detail::matmul_bf16_portable);
      for (size_t i = 0; i < got.size(); ++i) {
        ASSERT_TRUE((std::isnan(got[i]) && std::isnan(want[i])) ||
                    std::bit_cast<uint32_t>(got[i]) == std::bit_cast<uint32_t>(want[i]))
            << unit << ": element " << i << ": " << got[i] << " and " << want[i];
      }
    }
}

TEST(MatmulBf16, BitsDoNotDependOnRowsOrSplit) {
  for (const MatmulBf16Kernels* kernels : available_kernels())
    for (const int64_t k : {int64_t{1}, int64_t{127}, int64_t{1100}, int64_t{2048}}) {
      const Problem p(101, 71, k, 8);
      const std::vector<float> whole = p.run(*kernels);
      expect_same_bits(whole, p.run(*kernels, 0, p.t, {0, 1, 6, 23, 24, 70, 71}), "columns split");
      std::vector<float> rows;
      for (int64_t t = 0, step = 1; t < p.t; t += step, step = step % 14 + 1) {
        const int64_t end = std::min(p.t, t + step);
        const std::vector<float> part = p.run(*kernels, t, end, {0, 5, p.n});
        rows.insert(rows.end(), part.begin(), part.end());
      }
      expect_same_bits(whole, rows, "rows one to fourteen at a time");
    }
}

TEST(MatmulBf16, NotANumberStaysInItsRow) {
  for (const MatmulBf16Kernels* kernels : available_kernels()) {
    Problem p(13, 5, 40, 9);
    p.x[static_cast<size_t>(4 * p.ldx + 39)] = std::numeric_limits<float>::quiet_NaN();
    const std::vector<float> out = p.run(*kernels);
    for (int64_t i = 0; i < p.t * p.n; ++i)
      ASSERT_EQ(std::isnan(out[static_cast<size_t>(i)]), i / p.n == 4) << i;
  }
}

}  // namespace
}  // namespace tarn::cpu
