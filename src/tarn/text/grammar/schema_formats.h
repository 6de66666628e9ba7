// The values of JSON Schema's `format` as regular expressions.
#pragma once

#include <optional>
#include <string_view>

namespace tarn::text::grammar {

// The pattern that whole strings of the format match; nothing for a format that is not known. Each
// describes a part of what its standard admits: the usual forms, with years of four digits and
// without leap seconds.
std::optional<std::string_view> format_pattern(std::string_view format);

}  // namespace tarn::text::grammar
