// Any text either fails with tarn::Error or gives a recipe that writes itself back, and whose rules
// can be asked.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "tarn/base/error.h"
#include "tarn/compress/recipe_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using tarn::compress::RecipeFile;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const RecipeFile file = tarn::compress::parse_recipe_json(text, "fuzz");
    file.recipe.rule_of("model.layers.0.mlp.down_proj");
    try {
      const std::string written = tarn::compress::recipe_json(file);
      const RecipeFile again = tarn::compress::parse_recipe_json(written, "again");
      if (again.recipe.rules.size() != file.recipe.rules.size()) std::abort();
    } catch (const tarn::Error&) {
      std::abort();  // what was read can be read again
    }
  } catch (const tarn::Error& error) {
    if (error.code() == tarn::ErrorCode::internal) std::abort();
  }
  return 0;
}
