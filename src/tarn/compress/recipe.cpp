#include "tarn/compress/recipe.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>

#include "tarn/base/error.h"
#include "tarn/io/quote.h"

namespace tarn::compress {
namespace {

constexpr std::array recipes{
    NamedRecipe{"lut4_m", "lut4:64", "lut6", "tables of 4 and 6 bits, about 5 bits a weight"},
    NamedRecipe{"lut3_m", "lut3:32", "lut4:32", "tables of 3 and 4 bits, about 4 bits a weight"},
    NamedRecipe{"affine4_m", "affine:4:64", "affine:6:64", "MLX reads it; about 5.2 bits a weight"},
    NamedRecipe{"q4_k_m", "q4_k", "q6_k", "GGUF types, about 5.3 bits a weight"},
    NamedRecipe{"q3_k_m", "q3_k", "q5_k", "GGUF types, about 4.3 bits a weight"}};

constexpr std::array<std::string_view, 6> sensitive = {
    "*embed_tokens", "*lm_head", "*.v_proj", "*.o_proj", "*.out_proj", "*.down_proj"};

}  // namespace

Rule parse_rule(std::string_view text) {
  const size_t equals = text.rfind('=');
  if (equals == std::string_view::npos || equals == 0) {
    fail(ErrorCode::invalid_argument,
         "rule {}: no \"PATTERN=\" in it: write PATTERN=FORMAT, as affine:4:64, or PATTERN=none",
         quote(text));
  }
  check_pattern(text.substr(0, equals));
  const std::string_view format = text.substr(equals + 1);
  return {std::string(text.substr(0, equals)),
          format == "none" ? std::nullopt : std::optional(quant::parse_format(format))};
}

Rule module_rule(std::string_view module, std::optional<quant::Format> format) {
  std::string pattern;
  for (const char c : module) {
    if (std::string_view("*?[]\\").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return {std::move(pattern), format};
}

void check_pattern(std::string_view pattern) {
  constexpr size_t longest = 512;
  constexpr auto most_stars = 6;
  if (pattern.empty() || pattern.size() > longest) {
    fail(ErrorCode::invalid_argument, "pattern {}: it must have 1 to {} bytes, not {}",
         quote(pattern.substr(0, 64)), longest, pattern.size());
  }
  if (std::count(pattern.begin(), pattern.end(), '*') > most_stars) {
    fail(ErrorCode::invalid_argument, "pattern {}: more than {} stars: write several rules",
         quote(pattern), most_stars);
  }
}

std::span<const NamedRecipe> named_recipes() { return recipes; }

Recipe parse_recipe(std::string_view text) {
  const auto found = std::find_if(recipes.begin(), recipes.end(),
                                  [&](const NamedRecipe& one) { return one.name == text; });
  if (found == recipes.end()) {
    try {
      return {quant::parse_format(text), {}};
    } catch (const Error& error) {
      std::string names;
      for (const NamedRecipe& one : recipes) names += fmt::format(", {}", one.name);
      fail(ErrorCode::invalid_argument, "{}; or a mixture: {}", error.what(), names.substr(2));
    }
  }
  Recipe recipe{quant::parse_format(found->base), {}};
  for (const std::string_view pattern : sensitive) {
    recipe.rules.push_back({.pattern = std::string(pattern),
                            .format = quant::parse_format(found->rest),
                            .named = true});
  }
  return recipe;
}

const Rule* Recipe::rule_of(const std::string& module) const {
  const auto found = std::find_if(rules.rbegin(), rules.rend(), [&](const Rule& rule) {
    return ::fnmatch(rule.pattern.c_str(), module.c_str(), 0) == 0;
  });
  return found == rules.rend() ? nullptr : &*found;
}

}  // namespace tarn::compress
