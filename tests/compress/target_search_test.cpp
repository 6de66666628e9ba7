#include "tarn/compress/target_search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tarn/compress/quantize.h"
#include "tests/io/safetensors_files.h"
#include "tests/support/errors.h"

namespace tarn::compress {
namespace {

namespace fs = std::filesystem;
using tarn::testing::TemporaryFolder;
using ::testing::HasSubstr;

fs::path golden(const std::string& name) { return fs::path(TARN_TEST_DATA) / "golden" / name; }

CalibrationText golden_text() {
  CalibrationText text;
  for (int32_t i = 0; i < 128; ++i) text.tokens.push_back((i * 37 + 5) % 250);
  return text;
}

const std::vector<quant::Format>& candidates() {
  static const std::vector<quant::Format> formats =
      parse_candidates("affine:2:32,affine:3:32,affine:4:32,affine:6:32,affine:8:32");
  return formats;
}

// down_proj's 112 inputs fill no groups of 32.
const std::vector<Rule>& rules() {
  static const std::vector<Rule> dense = {parse_rule("*.down_proj=none")};
  return dense;
}

std::vector<float> logits(const fs::path& folder) {
  const auto model = load_model(folder, {.exact = true});
  Cache cache = model->make_cache();
  return model->forward(golden_text().tokens, cache, LogitsFor::all_tokens).to_vector<float>();
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += std::pow(static_cast<double>(a[i] - b[i]), 2);
  return sum / static_cast<double>(a.size());
}

TEST(TargetSearch, FillsTheTargetAndIsRepeatable) {
  const TemporaryFolder folder;
  const CalibrationText text = golden_text();
  for (const bool measured : {false, true}) {
    SensitivityOptions options;
    if (measured) options.text = &text;
    const Target target{.bits_per_weight = 7.0};
    const TargetResult result =
        search_target(golden("llama"), target, candidates(), rules(), false, options);
    const fs::path out = folder / (measured ? "measured" : "plain");
    const QuantizeReport report = quantize_model(golden("llama"), out, result.recipe);
    EXPECT_EQ(report.bytes_after, result.bytes);
    const double bits =
        8.0 * static_cast<double>(report.bytes_after) / static_cast<double>(report.values);
    EXPECT_LE(bits, 7.0);
    EXPECT_GT(bits, 6.9);
    EXPECT_GT(report.modules.size(), 1U);
    const TargetResult again =
        search_target(golden("llama"), target, candidates(), rules(), false, options);
    ASSERT_EQ(again.recipe.rules.size(), result.recipe.rules.size());
    for (size_t i = 0; i < again.recipe.rules.size(); ++i) {
      EXPECT_EQ(again.recipe.rules[i].pattern, result.recipe.rules[i].pattern);
      EXPECT_EQ(again.recipe.rules[i].format, result.recipe.rules[i].format);
    }
  }
}

// At the size of one format for all, the mixture that was measured moves the logits less.
TEST(TargetSearch, BeatsOneFormatOfTheSameSize) {
  const TemporaryFolder folder;
  const CalibrationText text = golden_text();
  Recipe uniform{quant::parse_format("affine:4:32"), rules()};
  const QuantizeReport report = quantize_model(golden("llama"), folder / "uniform", uniform);
  SensitivityOptions options;
  options.text = &text;
  const TargetResult result = search_target(golden("llama"), {.bytes = report.bytes_after},
                                            candidates(), rules(), false, options);
  EXPECT_LE(result.bytes, report.bytes_after);
  quantize_model(golden("llama"), folder / "found", result.recipe);
  const std::vector<float> dense = logits(golden("llama"));
  const double before = distance(logits(folder / "uniform"), dense);
  const double after = distance(logits(folder / "found"), dense);
  RecordProperty("squared", fmt::format("{} and {}", before, after));
  EXPECT_LT(after, before * 0.95);
}

TEST(TargetSearch, ImpossibleTargetsSayWhatIsInReach) {
  for (const double bits : {1.0, 20.0}) {
    EXPECT_THAT(error_of([&] {
                  search_target(golden("llama"), {.bits_per_weight = bits}, candidates(), rules(),
                                false, {});
                }),
                HasSubstr("these candidates reach"))
        << bits;
  }
  EXPECT_THAT(error_of([&] {
                search_target(golden("llama"), {.bits_per_weight = 7}, candidates(), {}, false, {});
              }),
              HasSubstr("112 inputs do not fill groups of 32"));
  EXPECT_NO_THROW(
      search_target(golden("llama"), {.bits_per_weight = 7}, candidates(), {}, true, {}));
}

TEST(TargetSearch, CandidatesAreParsed) {
  EXPECT_EQ(parse_candidates("lut4:32,q6_k,lut4:32").size(), 2U);
  for (const char* text : {"", "lut4:32,", ",", "lut4:32;q6_k"}) {
    EXPECT_THAT(error_of([&] { parse_candidates(text); }), HasSubstr("not known")) << text;
  }
  EXPECT_FALSE(default_candidates().empty());
}

}  // namespace
}  // namespace tarn::compress
