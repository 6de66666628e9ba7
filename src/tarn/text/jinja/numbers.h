// Numbers from text, as Python's int() and float() read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tarn::text::jinja {

// Nothing when the text is no integer of the base (2 to 36, or 0 for "by its prefix"); fails when
// it is one beyond 64 bits.
std::optional<int64_t> parse_integer(std::string_view text, int64_t base);
std::optional<double> parse_real(std::string_view text);
// round(value, precision): to the nearest, halves to even, of the number's exact binary value.
double rounded(double value, int64_t precision);

}  // namespace tarn::text::jinja
