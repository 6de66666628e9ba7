// Which format a weight gets: one for the model, and rules for modules that differ.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tarn/quant/format.h"

namespace tarn::compress {

struct Rule {
  std::string pattern;  // a module path with the shell's * ? [...]; * also runs across dots
  std::optional<quant::Format> format;  // nothing: the module stays as it is
  bool named = false;                   // of a named recipe: it need not match anything
};

// "PATTERN=FORMAT" (quant/format.h) or "PATTERN=none".
Rule parse_rule(std::string_view text);
// Of this module alone, whatever characters its name has.
Rule module_rule(std::string_view module, std::optional<quant::Format> format);
// invalid_argument for a pattern that is empty, too long, or has so many stars that matching would
// take time without bound.
void check_pattern(std::string_view pattern);

struct Recipe {
  quant::Format format;
  std::vector<Rule> rules;

  // The last rule that matches `module` ("model.layers.0.mlp.down_proj"); null: none does.
  const Rule* rule_of(const std::string& module) const;
};

// A format for all matrices (quant/format.h), or one of the mixtures below by name.
// invalid_argument, listing both, otherwise.
Recipe parse_recipe(std::string_view text);

// Mixtures give more bits to the matrices that need them most: the embedding and head, values,
// outputs of attention, and what leads back from the MLP.
struct NamedRecipe {
  std::string_view name;
  std::string_view base;  // format of the rest
  std::string_view rest;  // format of those
  std::string_view description;
};
std::span<const NamedRecipe> named_recipes();

}  // namespace tarn::compress
