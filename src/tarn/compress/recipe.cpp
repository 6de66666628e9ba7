#include "tarn/compress/recipe.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "tarn/base/error.h"
#include "tarn/io/quote.h"

namespace tarn::compress {
namespace {

constexpr std::string_view kName = "affine";
constexpr std::array kBits{2, 3, 4, 5, 6, 8};
constexpr std::array kGroups{32, 64, 128};
constexpr int kDefaultGroup = 64;

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <typename Values>
bool one_of(const Values& values, std::optional<int> value) {
  return value && std::find(values.begin(), values.end(), *value) != values.end();
}

}  // namespace

quant::AffineFormat parse_format(std::string_view text) {
  std::optional<int> bits;
  std::optional<int> group = kDefaultGroup;
  if (text.starts_with(kName)) {
    std::string_view rest = text.substr(kName.size());
    if (rest.starts_with(':')) {
      rest.remove_prefix(1);
      const size_t colon = rest.find(':');
      group = colon == std::string_view::npos ? std::nullopt : number(rest.substr(colon + 1));
      rest = rest.substr(0, colon);
    }
    bits = number(rest);
  }
  if (!one_of(kBits, bits) || !one_of(kGroups, group)) {
    fail(ErrorCode::invalid_argument,
         "format {}: not known: write affine:BITS:GROUP with 2, 3, 4, 5, 6 or 8 bits and groups of "
         "32, 64 or 128, or affineBITS for groups of 64",
         quote(text));
  }
  return {*bits, *group};
}

std::string format_text(const quant::AffineFormat& format) {
  return fmt::format("{}:{}:{}", kName, format.bits, format.group_size);
}

Rule parse_rule(std::string_view text) {
  const size_t equals = text.rfind('=');
  if (equals == std::string_view::npos || equals == 0) {
    fail(ErrorCode::invalid_argument,
         "rule {}: no \"PATTERN=\" in it: write PATTERN=affine:BITS:GROUP or PATTERN=none",
         quote(text));
  }
  const std::string_view format = text.substr(equals + 1);
  return {std::string(text.substr(0, equals)),
          format == "none" ? std::nullopt : std::optional(parse_format(format))};
}

const Rule* Recipe::rule_of(const std::string& module) const {
  const auto found = std::find_if(rules.rbegin(), rules.rend(), [&](const Rule& rule) {
    return ::fnmatch(rule.pattern.c_str(), module.c_str(), 0) == 0;
  });
  return found == rules.rend() ? nullptr : &*found;
}

}  // namespace tarn::compress
