#include "tarn/compress/recipe_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/io/safetensors_files.h"
#include "tests/support/errors.h"

namespace tarn::compress {
namespace {

using ::testing::HasSubstr;

TEST(RecipeFile, SaysFormatRulesAndCalibration) {
  const RecipeFile file = parse_recipe_json(
      R"({"description": "d", "format": "lut4:32",
          "rules": [{"modules": "*.down_proj", "format": "lut6"},
                    {"modules": "*.in_proj_[ab]", "format": "none"}],
          "calibration": {"tokens": 4096, "gptq": true, "awq": true}})",
      "r.json");
  EXPECT_EQ(file.description, "d");
  EXPECT_EQ(format_text(file.recipe.format), "lut4:32");
  ASSERT_EQ(file.recipe.rules.size(), 2U);
  EXPECT_EQ(file.recipe.rule_of("model.layers.3.mlp.down_proj"), &file.recipe.rules[0]);
  EXPECT_FALSE(file.recipe.rule_of("model.layers.3.linear_attn.in_proj_a")->format.has_value());
  EXPECT_EQ(file.calibration, (CalibrationSettings{4096, true, true}));
}

TEST(RecipeFile, MayBuildOnAMixture) {
  const RecipeFile file = parse_recipe_json(R"({"format": "lut4_m"})", "r.json");
  EXPECT_EQ(file.recipe.rules.size(), parse_recipe("lut4_m").rules.size());
}

TEST(RecipeFile, ComesBackAsItWasWritten) {
  const testing::TemporaryFolder folder;
  RecipeFile file{"found", parse_recipe("q4_k_m"), {.tokens = 64, .gptq = true, .awq = true}};
  file.recipe.rules.push_back(module_rule("model.layers[1].*odd\\name", std::nullopt));
  const std::string path = folder / "r.json";
  save_recipe(path, file);
  const RecipeFile read = load_recipe(path);
  EXPECT_EQ(read.description, file.description);
  EXPECT_EQ(read.recipe.format, file.recipe.format);
  EXPECT_EQ(read.calibration, file.calibration);
  ASSERT_EQ(read.recipe.rules.size(), file.recipe.rules.size());
  for (size_t i = 0; i < file.recipe.rules.size(); ++i) {
    EXPECT_EQ(read.recipe.rules[i].pattern, file.recipe.rules[i].pattern);
    EXPECT_EQ(read.recipe.rules[i].format, file.recipe.rules[i].format);
  }
  EXPECT_EQ(read.recipe.rule_of("model.layers[1].*odd\\name"), &read.recipe.rules.back());
  EXPECT_EQ(read.recipe.rule_of("model.layers[1].xodd\\name"), nullptr);
}

TEST(RecipeFile, MistakesAreNamedWithTheirPlace) {
  const auto error = [](const std::string& text) {
    return error_of([&] { parse_recipe_json(text, "r.json"); });
  };
  EXPECT_THAT(error("{"), HasSubstr("r.json"));
  EXPECT_THAT(error("[]"), HasSubstr("r.json: the file: an object was expected"));
  EXPECT_THAT(error("{}"), HasSubstr("r.json: format: it is missing"));
  EXPECT_THAT(error(R"({"format": 4})"), HasSubstr("format: a string was expected"));
  EXPECT_THAT(error(R"({"format": "lut9"})"), HasSubstr("r.json: format: format \"lut9\""));
  EXPECT_THAT(error(R"({"format": "lut4", "format": "lut6"})"), HasSubstr("format"));
  EXPECT_THAT(error(R"({"format": "lut4", "rule": []})"),
              HasSubstr("the file: unknown key \"rule\": there are description, format, rules"));
  EXPECT_THAT(error(R"({"format": "lut4", "rules": {}})"), HasSubstr("rules: an array"));
  EXPECT_THAT(error(R"({"format": "lut4", "rules": [{"modules": "*", "format": "lut4"}, 7]})"),
              HasSubstr("rules[1]: an object was expected"));
  EXPECT_THAT(error(R"({"format": "lut4", "rules": [{"module": "*", "format": "lut4"}]})"),
              HasSubstr("rules[0]: unknown key \"module\""));
  EXPECT_THAT(error(R"({"format": "lut4", "rules": [{"modules": "*"}]})"),
              HasSubstr("rules[0].format: it is missing"));
  EXPECT_THAT(error(R"({"format": "lut4", "rules": [{"modules": "*", "format": "x"}]})"),
              HasSubstr("rules[0].format: format \"x\""));
  EXPECT_THAT(
      error(R"({"format": "lut4", "rules": [{"modules": "*a*a*a*a*a*a*a", "format": "q4_0"}]})"),
      HasSubstr("rules[0].modules: pattern"));
  EXPECT_THAT(error(R"({"format": "lut4", "rules": [{"modules": "", "format": "q4_0"}]})"),
              HasSubstr("it must have 1 to 512 bytes"));
  for (const char* tokens : {"1", "-5", "1.5", "1e300", "99999999999", "\"7\"", "null"}) {
    EXPECT_THAT(
        error(fmt::format(R"({{"format": "lut4", "calibration": {{"tokens": {}}}}})", tokens)),
        HasSubstr("calibration.tokens: a whole number from 2 to"))
        << tokens;
  }
  EXPECT_THAT(error(R"({"format": "lut4", "calibration": {"gptq": 1}})"),
              HasSubstr("calibration.gptq: true or false was expected"));
}

}  // namespace
}  // namespace tarn::compress
