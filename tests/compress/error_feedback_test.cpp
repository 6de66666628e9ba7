#include "tarn/compress/error_feedback.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "tarn/compress/quantize.h"
#include "tests/io/safetensors_files.h"
#include "tests/support/errors.h"

namespace tarn::compress {
namespace {

namespace fs = std::filesystem;
using tarn::testing::TemporaryFolder;
using ::testing::HasSubstr;

constexpr size_t columns = 256;

// X^T X of inputs that go together: each is partly its neighbour.
std::vector<float> correlated_hessian() {
  std::mt19937 random(11);
  std::normal_distribution<float> normal;
  std::vector<float> hessian(columns * columns);
  std::vector<float> x(columns);
  for (int t = 0; t < 1000; ++t) {
    for (size_t i = 0; i < columns; ++i) x[i] = normal(random) + (i > 0 ? 0.8F * x[i - 1] : 0);
    for (size_t i = 0; i < columns; ++i) {
      for (size_t k = 0; k < columns; ++k) hessian[i * columns + k] += x[i] * x[k];
    }
  }
  return hessian;
}

TEST(ErrorFeedback, TheFactorIsThatOfTheInverse) {
  const std::vector<float> hessian = correlated_hessian();
  const std::vector<float> factor = feedback_factor(hessian, columns);
  double mean = 0;
  for (size_t i = 0; i < columns; ++i)
    mean += static_cast<double>(hessian[i * columns + i]) / columns;
  // U (H + damping) U^T is the identity.
  for (const size_t i : {size_t{0}, size_t{100}, columns - 1}) {
    std::vector<double> product(columns);
    for (size_t k = 0; k < columns; ++k) {
      for (size_t c = 0; c < columns; ++c) {
        const double h = static_cast<double>(hessian[c * columns + k]) + (c == k ? 0.01 * mean : 0);
        product[k] += static_cast<double>(factor[i * columns + c]) * h;
      }
    }
    for (size_t j = 0; j < columns; ++j) {
      double sum = 0;
      for (size_t k = 0; k < columns; ++k) {
        sum += product[k] * static_cast<double>(factor[j * columns + k]);
      }
      EXPECT_NEAR(sum, i == j ? 1 : 0, 1e-3) << i << " " << j;
    }
  }
  EXPECT_TRUE(feedback_factor(std::vector<float>(16), 4).empty());
}

// The error of the outputs, trace of E H E^T, falls for every format that can do it.
TEST(ErrorFeedback, OutputsOfEveryFormatComeCloser) {
  std::mt19937 random(5);
  std::normal_distribution<float> normal(0, 0.02F);
  const std::vector<float> hessian = correlated_hessian();
  const std::vector<float> factor = feedback_factor(hessian, columns);
  constexpr size_t rows = 21;  // a panel and a part of one
  std::vector<float> weights(rows * columns);
  for (float& weight : weights) weight = normal(random);
  for (const char* format :
       {"affine:3:32", "affine:4:64", "affine:5:64", "affine:8:64", "lut3:32", "lut4", "lut6",
        "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "iq4_nl", "q4_k", "q5_k", "iq4_xs"}) {
    const auto codec = quant::make_codec(quant::parse_format(format), quant::ScaleType::bf16);
    ASSERT_GT(codec->free_code_bits(), 0) << format;
    std::vector<std::vector<std::byte>> storage;
    std::vector<std::byte*> parts;
    for (const quant::Part& part : codec->parts(rows, columns)) {
      parts.push_back(storage.emplace_back(part.bytes()).data());
    }
    const auto output_error = [&] {
      std::vector<float> back(rows * columns);
      const std::vector<const std::byte*> stored(parts.begin(), parts.end());
      codec->decode(rows, columns, stored, 0, rows, back.data());
      double error = 0;
      for (size_t r = 0; r < rows; ++r) {
        std::vector<double> off(columns);
        for (size_t i = 0; i < columns; ++i)
          off[i] = back[r * columns + i] - weights[r * columns + i];
        for (size_t i = 0; i < columns; ++i) {
          for (size_t k = 0; k < columns; ++k) {
            error += off[i] * static_cast<double>(hessian[i * columns + k]) * off[k];
          }
        }
      }
      return error;
    };
    codec->encode(rows, columns, weights.data(), nullptr, 0, rows, parts);
    const double rounded = output_error();
    std::vector<float> used = weights;
    for (size_t first = 0; first < rows; first += 16) {
      feed_back_errors(*codec, rows, columns, factor, first, used.data() + first * columns, parts);
    }
    // Inputs correlated by 0.8 leave about a third of each error that neighbours cannot take.
    EXPECT_LT(output_error(), 0.75 * rounded) << format;
  }
}

TEST(ErrorFeedback, FormatsThatCannotAreNamed) {
  const TemporaryFolder folder;
  CalibrationText text;
  text.tokens = {1, 2, 3, 4};
  const fs::path pebble = fs::path(TARN_MODELS_DIR) / "pebble";
  QuantizeOptions options;
  options.feedback = &text;
  EXPECT_THAT(error_of([&] {
                quantize_model(pebble, folder / "q", {quant::parse_format("q6_k"), {}}, options);
              }),
              HasSubstr("is to be q6_k, whose scales are not set before its codes"));
  EXPECT_FALSE(fs::exists(folder / "q"));
}

}  // namespace
}  // namespace tarn::compress
