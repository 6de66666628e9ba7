// Which format a weight gets: one for the model, and rules for modules that differ.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tarn/quant/format.h"

namespace tarn::compress {

struct Rule {
  std::string pattern;  // a module path with the shell's * ? [...]; * also runs across dots
  std::optional<quant::Format> format;  // nothing: the module stays as it is
};

// "PATTERN=FORMAT" (quant/format.h) or "PATTERN=none".
Rule parse_rule(std::string_view text);

struct Recipe {
  quant::Format format;
  std::vector<Rule> rules;

  // The last rule that matches `module` ("model.layers.0.mlp.down_proj"); null: none does.
  const Rule* rule_of(const std::string& module) const;
};

}  // namespace tarn::compress
