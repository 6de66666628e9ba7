#include "tarn/compress/recipe.h"

#include <fnmatch.h>

#include <algorithm>

#include "tarn/base/error.h"
#include "tarn/io/quote.h"

namespace tarn::compress {
Rule parse_rule(std::string_view text) {
  const size_t equals = text.rfind('=');
  if (equals == std::string_view::npos || equals == 0) {
    fail(ErrorCode::invalid_argument,
         "rule {}: no \"PATTERN=\" in it: write PATTERN=FORMAT, as affine:4:64, or PATTERN=none",
         quote(text));
  }
  const std::string_view format = text.substr(equals + 1);
  return {std::string(text.substr(0, equals)),
          format == "none" ? std::nullopt : std::optional(quant::parse_format(format))};
}

const Rule* Recipe::rule_of(const std::string& module) const {
  const auto found = std::find_if(rules.rbegin(), rules.rend(), [&](const Rule& rule) {
    return ::fnmatch(rule.pattern.c_str(), module.c_str(), 0) == 0;
  });
  return found == rules.rend() ? nullptr : &*found;
}

}  // namespace tarn::compress
