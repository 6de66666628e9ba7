// Which format a weight gets: one for the model, and rules for modules that differ.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tarn/quant/affine.h"

namespace tarn::compress {

// "affine:BITS:GROUP", or "affine4" and its like for groups of 64. invalid_argument otherwise.
quant::AffineFormat parse_format(std::string_view text);
std::string format_text(const quant::AffineFormat& format);  // "affine:4:64"

struct Rule {
  std::string pattern;  // a module path with the shell's * ? [...]; * also runs across dots
  std::optional<quant::AffineFormat> format;  // nothing: the module stays as it is
};

// "PATTERN=FORMAT" or "PATTERN=none".
Rule parse_rule(std::string_view text);

struct Recipe {
  quant::AffineFormat format{4, 64};
  std::vector<Rule> rules;

  // The last rule that matches `module` ("model.layers.0.mlp.down_proj"); null: none does.
  const Rule* rule_of(const std::string& module) const;
};

}  // namespace tarn::compress
