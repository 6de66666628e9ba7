#include "tarn/text/jinja/numbers.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string>

#include "tarn/text/jinja/error.h"
#include "tarn/text/jinja/unicode.h"

namespace tarn::text::jinja {
namespace {

// Without the single underscores between digits; nothing when one stands elsewhere.
std::optional<std::string> without_underscores(std::string_view text) {
  std::string out;
  const auto alphanumeric = [](char c) {
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
  };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out += text[i];
    } else if (i == 0 || i + 1 == text.size() || !alphanumeric(text[i - 1]) ||
               !alphanumeric(text[i + 1])) {
      return std::nullopt;
    }
  }
  return out;
}

// Decimal digits of any script become ASCII. They come in runs of ten that begin with the zero.
std::string ascii_digits(std::string_view text) {
  std::string out;
  for (size_t pos = 0; pos < text.size();) {
    const char32_t c = next_code_point(text, pos);
    if (c < 0x80 || !is_decimal(c)) {
      append_code_point(out, c);
      continue;
    }
    char32_t zero = c;
    while (is_decimal(zero - 1)) --zero;
    out += static_cast<char>('0' + (c - zero) % 10);
  }
  return out;
}

}  // namespace

std::optional<int64_t> parse_integer(std::string_view source, int64_t base) {
  if (base != 0 && (base < 2 || base > 36)) raise("int() base must be >= 2 and <= 36, or 0");
  const std::string ascii = ascii_digits(strip(source, true, true));
  std::string_view text = ascii;
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const char mark = text.size() > 1 && text[0] == '0' ? static_cast<char>(text[1] | 32) : '\0';
  const int64_t prefix_base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
  if (prefix_base && (base == 0 || base == prefix_base)) {
    text.remove_prefix(2);
    if (text.starts_with('_')) text.remove_prefix(1);
    base = prefix_base;
  } else if (base == 0) {
    base = 10;
    if (text.size() > 1 && text[0] == '0' &&
        text.find_first_not_of("0_") != std::string_view::npos) {
      return std::nullopt;
    }
  }
  const auto digits = without_underscores(text);
  if (!digits || digits->empty() || (*digits)[0] == '-') return std::nullopt;
  const std::string signed_digits = (negative ? "-" : "") + *digits;
  const char* const end = signed_digits.data() + signed_digits.size();
  int64_t value = 0;
  const auto result = std::from_chars(signed_digits.data(), end, value, static_cast<int>(base));
  if (result.ptr != end || result.ec == std::errc::invalid_argument) return std::nullopt;
  if (result.ec != std::errc()) raise("the integer {} exceeds 64 bits", text.substr(0, 40));
  return value;
}

std::optional<double> parse_real(std::string_view text) {
  const auto plain = without_underscores(ascii_digits(strip(text, true, true)));
  if (!plain || plain->empty()) return std::nullopt;
  std::string_view number = *plain;
  const bool negative = number[0] == '-';
  if (negative || number[0] == '+') number.remove_prefix(1);
  if (number.empty() || number[0] == '-') return std::nullopt;
  double value = 0;
  const char* const end = number.data() + number.size();
  const auto result = std::from_chars(number.data(), end, value);
  if (result.ptr != end || result.ec == std::errc::invalid_argument) return std::nullopt;
  // from_chars also takes nan(...), which Python does not.
  if (number.find('(') != std::string_view::npos) return std::nullopt;
  if (result.ec == std::errc::result_out_of_range)
    value = std::strtod(std::string(number).c_str(), nullptr);
  return negative ? -value : value;
}

double rounded(double value, int64_t precision) {
  if (!std::isfinite(value) || precision > 330) return value;
  if (precision < -310) return std::copysign(0.0, value);
  if (precision >= 0) {
    // Printing rounds the exact binary value; reading back finds the nearest double.
    const std::string text = fmt::format("{:.{}f}", value, static_cast<int>(precision));
    return std::strtod(text.c_str(), nullptr);
  }
  const double unit = std::pow(10.0, static_cast<double>(-precision));
  return std::nearbyint(value / unit) * unit;
}

}  // namespace tarn::text::jinja
