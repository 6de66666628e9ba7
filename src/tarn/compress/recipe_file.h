// Recipes as JSON files (docs/formats.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "tarn/compress/recipe.h"

namespace tarn::compress {

// What a recipe may ask of calibration; the text is given beside it.
struct CalibrationSettings {
  std::optional<int64_t> tokens;
  bool gptq = false;
  bool awq = false;

  bool operator==(const CalibrationSettings&) const = default;
};

struct RecipeFile {
  std::string description;
  Recipe recipe;
  CalibrationSettings calibration;
};

// `source` opens every error message. corrupt: no JSON, an unknown key, a value of the wrong type
// or out of bounds; the message names its place. invalid_argument: an unknown format.
RecipeFile parse_recipe_json(std::string_view text, std::string_view source);
// What parse_recipe_json reads.
std::string recipe_json(const RecipeFile& recipe);

// A path is one that ends in ".json"; anything else is parse_recipe()'s.
RecipeFile load_recipe(const std::string& path_or_name);
void save_recipe(const std::filesystem::path& path, const RecipeFile& recipe);

}  // namespace tarn::compress
