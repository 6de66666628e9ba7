#include "tarn/compress/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/errors.h"

namespace tarn::compress {
namespace {

using testing::HasSubstr;

TEST(Recipe, FormatsInFullAndInShort) {
  for (const int bits : {2, 3, 4, 5, 6, 8}) {
    for (const int group : {32, 64, 128}) {
      const std::string text = fmt::format("affine:{}:{}", bits, group);
      const quant::Format format = quant::parse_format(text);
      EXPECT_EQ(format.bits, bits);
      EXPECT_EQ(format.group_size, group);
      EXPECT_EQ(format_text(format), text);
    }
    EXPECT_EQ(format_text(quant::parse_format(fmt::format("affine{}", bits))),
              fmt::format("affine:{}:64", bits));
  }
}

TEST(Recipe, UnknownFormatsSayWhatThereIs) {
  for (const char* text :
       {"", "affine", "affine:", "affine:4", "affine:4:", "affine:7:64", "affine:4:48", "affine7",
        "affine:4:64:1", "affine:4x:64", "affine:-4:64", "affine:99999999999:64", "lut:4"}) {
    EXPECT_THAT(error_of([&] { quant::parse_format(text); }),
                HasSubstr("write affine:BITS:GROUP with 2, 3, 4, 5, 6 or 8 bits"))
        << text;
  }
}

TEST(Recipe, TheLastMatchingRuleDecides) {
  Recipe recipe;
  for (const char* rule :
       {"*.mlp.*=affine:6:32", "*.down_proj=none", "*[02].mlp.down_proj=affine8"}) {
    recipe.rules.push_back(parse_rule(rule));
  }
  EXPECT_EQ(recipe.rule_of("model.layers.0.self_attn.q_proj"), nullptr);
  EXPECT_EQ(recipe.rule_of("model.layers.0.mlp.up_proj"), &recipe.rules[0]);
  EXPECT_EQ(recipe.rule_of("model.layers.1.mlp.down_proj"), &recipe.rules[1]);
  EXPECT_EQ(recipe.rule_of("model.layers.2.mlp.down_proj"), &recipe.rules[2]);
  EXPECT_FALSE(recipe.rules[1].format.has_value());
  EXPECT_EQ(format_text(*recipe.rules[2].format), "affine:8:64");
}

TEST(Recipe, RulesWithoutAPatternOrFormatAreErrors) {
  EXPECT_THAT(error_of([] { parse_rule("affine4"); }), HasSubstr("write PATTERN=FORMAT"));
  EXPECT_THAT(error_of([] { parse_rule("=none"); }), HasSubstr("no \"PATTERN=\" in it"));
  EXPECT_THAT(error_of([] { parse_rule("*="); }), HasSubstr("format \"\": not known"));
}

}  // namespace
}  // namespace tarn::compress
