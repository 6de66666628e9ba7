// Python's two formatting languages: % and format specifications.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "tarn/text/jinja/error.h"
#include "tarn/text/jinja/operators.h"
#include "tarn/text/jinja/python_format.h"
#include "tarn/text/jinja/unicode.h"

namespace tarn::text::jinja {
namespace {

constexpr int64_t kMaxWidth = 1'000'000;
constexpr int64_t kMaxPrecision = 1'000;  // of a number: no double has more digits worth printing

struct Specification {
  std::string fill = " ";
  char align = '\0';  // < > = ^
  char sign = '-';
  bool alternate = false;
  int64_t width = 0;
  char grouping = '\0';  // , or _
  std::optional<int64_t> precision;
  char type = '\0';
};

int64_t read_number(std::string_view text, size_t& pos, int64_t most) {
  int64_t value = 0;
  for (; pos < text.size() && text[pos] >= '0' && text[pos] <= '9'; ++pos) {
    value = value * 10 + (text[pos] - '0');
    if (value > most) raise("a width or precision of a format exceeds {}", most);
  }
  return value;
}

Specification parse_specification(std::string_view text) {
  Specification spec;
  size_t pos = 0;
  const auto is_align = [](char c) { return c == '<' || c == '>' || c == '=' || c == '^'; };
  const auto at = [&](size_t i) { return i < text.size() ? text[i] : '\0'; };
  if (!text.empty()) {
    size_t after_fill = 0;
    next_code_point(text, after_fill);
    if (is_align(at(after_fill))) {
      spec.fill = std::string(text.substr(0, after_fill));
      spec.align = at(after_fill);
      pos = after_fill + 1;
    } else if (is_align(at(0))) {
      spec.align = at(0);
      pos = 1;
    }
  }
  if (at(pos) == '+' || at(pos) == '-' || at(pos) == ' ') spec.sign = at(pos++);
  if (at(pos) == '#') spec.alternate = true, ++pos;
  if (at(pos) == '0') {
    if (!spec.align) spec.fill.assign(1, '0'), spec.align = '=';
    ++pos;
  }
  spec.width = read_number(text, pos, kMaxWidth);
  if (at(pos) == ',' || at(pos) == '_') spec.grouping = at(pos++);
  if (at(pos) == '.') {
    const size_t begin = ++pos;
    spec.precision = read_number(text, pos, kMaxWidth);
    if (pos == begin) raise("Format specifier missing precision");
  }
  if (pos < text.size()) spec.type = text[pos++];
  if (pos != text.size()) raise("Invalid format specifier '{}'", text);
  return spec;
}

void group_digits(std::string& digits, char separator, size_t every) {
  for (size_t pos = digits.size(); pos > every; pos -= every)
    digits.insert(pos - every, 1, separator);
}

// Fixed, scientific or general notation of a finite, non-negative number.
std::string real_digits(double value, char type, int precision, bool alternate) {
  if (precision > kMaxPrecision) raise("the precision of a number exceeds {}", kMaxPrecision);
  std::string format = alternate ? "{:#." : "{:.";
  format += std::to_string(precision);
  format += type;
  format += '}';
  return fmt::format(fmt::runtime(format), value);
}

std::string padded(Heap& heap, const Specification& spec, std::string_view sign,
                   std::string_view body, char default_align) {
  const char align = spec.align ? spec.align : default_align;
  const auto length = static_cast<int64_t>(count_code_points(body) + sign.size());
  const int64_t missing = std::max<int64_t>(0, spec.width - length);
  TextBuilder out(heap);
  const auto fill = [&](int64_t count) {
    for (int64_t i = 0; i < count; ++i) out.append(spec.fill);
  };
  const int64_t left = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
  if (align == '=') out.append(sign);
  fill(left);
  if (align != '=') out.append(sign);
  out.append(body);
  fill(missing - left);
  return out.take();
}

std::string sign_of(const Specification& spec, bool negative) {
  if (negative) return "-";
  return spec.sign == '-' ? "" : std::string(1, spec.sign);
}

std::string format_integer(Heap& heap, int64_t value, const Specification& spec) {
  if (spec.precision) raise("Precision not allowed in integer format specifier");
  const uint64_t magnitude =
      value < 0 ? uint64_t{0} - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  std::string digits;
  char prefix = '\0';
  switch (spec.type) {
    case 'b':
      digits = fmt::format("{:b}", magnitude), prefix = 'b';
      break;
    case 'o':
      digits = fmt::format("{:o}", magnitude), prefix = 'o';
      break;
    case 'x':
      digits = fmt::format("{:x}", magnitude), prefix = 'x';
      break;
    case 'X':
      digits = fmt::format("{:X}", magnitude), prefix = 'X';
      break;
    case 'c': {
      if (value < 0 || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) {
        raise("%c arg not in range(0x110000)");
      }
      append_code_point(digits, static_cast<char32_t>(value));
      return padded(heap, spec, "", digits, '<');
    }
    default:
      digits = fmt::format("{}", magnitude);
  }
  const bool decimal = spec.type == '\0' || spec.type == 'd' || spec.type == 'n';
  if (spec.grouping) group_digits(digits, spec.grouping, decimal ? 3 : 4);
  std::string sign = sign_of(spec, value < 0);
  if (spec.alternate && prefix) {
    sign += '0';
    sign += prefix;
  }
  return padded(heap, spec, sign, digits, '>');
}

std::string format_real(Heap& heap, double value, const Specification& spec) {
  const bool negative = std::signbit(value) && !std::isnan(value);
  const double magnitude = std::fabs(value);
  const char type = spec.type == 'n' ? 'g' : spec.type;
  std::string body;
  if (!std::isfinite(value)) {
    body = std::isnan(value) ? "nan" : "inf";
    if (type >= 'A' && type <= 'Z') body = to_upper(body);
  } else if (type == '\0' && !spec.precision) {
    body = repr_real(magnitude);
  } else if (type == '\0') {
    body =
        real_digits(magnitude, 'g', static_cast<int>(std::max<int64_t>(1, *spec.precision)), false);
    if (body.find_first_of(".e") == std::string::npos) body += ".0";
  } else if (type == '%') {
    body = real_digits(magnitude * 100, 'f', static_cast<int>(spec.precision.value_or(6)),
                       spec.alternate) +
           "%";
  } else {
    body =
        real_digits(magnitude, type, static_cast<int>(spec.precision.value_or(6)), spec.alternate);
  }
  if (spec.grouping) {
    const size_t end = std::min(body.find_first_not_of("0123456789"), body.size());
    std::string whole = body.substr(0, end);
    group_digits(whole, spec.grouping, 3);
    body = whole + body.substr(end);
  }
  return padded(heap, spec, sign_of(spec, negative), body, '>');
}

bool one_of(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

}  // namespace

std::string format_value(Heap& heap, const Value& value, std::string_view specification) {
  if (specification.empty()) return to_str(heap, value);
  const Specification spec = parse_specification(specification);
  const auto unknown = [&] {
    raise("Unknown format code '{}' for object of type '{}'", spec.type, type_name(value));
  };
  if (value.is_string()) {
    if (spec.type != '\0' && spec.type != 's') unknown();
    if (spec.align == '=') raise("'=' alignment not allowed in string format specifier");
    std::string_view text = value.str();
    if (spec.precision)
      text = text.substr(0, byte_offset(text, static_cast<size_t>(*spec.precision)));
    return padded(heap, spec, "", text, '<');
  }
  if (value.is_integral() && (spec.type == '\0' || one_of(spec.type, "bcdoxXn"))) {
    return format_integer(heap, value.as_integer(), spec);
  }
  if (value.is_number() && (spec.type == '\0' || one_of(spec.type, "eEfFgGn%"))) {
    return format_real(heap, value.as_real(), spec);
  }
  if (value.is_number()) unknown();
  raise("unsupported format string passed to {}.__format__", type_name(value));
}

namespace {

// One pass over a %-format: the conversions take their values from a tuple, a mapping or the one
// value itself.
class PercentFormat {
 public:
  PercentFormat(Heap& heap, std::string_view format, const Value& values)
      : heap_(heap), format_(format), values_(values), out_(heap) {}

  std::string run() {
    while (pos_ < format_.size()) {
      const size_t mark = std::min(format_.find('%', pos_), format_.size());
      out_.append(format_.substr(pos_, mark - pos_));
      pos_ = mark;
      if (pos_ < format_.size()) convert();
    }
    const bool all_used = values_.is(Kind::tuple)
                              ? used_ == values_.items().size()
                              : used_ > 0 || values_.is(Kind::dict) || values_.is(Kind::list);
    if (!all_used) raise("not all arguments converted during string formatting");
    return out_.take();
  }

 private:
  char at(size_t pos) const { return pos < format_.size() ? format_[pos] : '\0'; }

  const Value& next_value() {
    if (values_.is(Kind::tuple)) {
      if (used_ >= values_.items().size()) raise("not enough arguments for format string");
      return values_.items()[used_++];
    }
    if (used_++ > 0) raise("not enough arguments for format string");
    return values_;
  }

  int64_t read_size(int64_t most) {
    if (at(pos_) != '*') return read_number(format_, pos_, most);
    ++pos_;
    const Value& value = next_value();
    if (!value.is_integral()) raise("* wants int");
    if (value.as_integer() > most) raise("a width or precision of a format exceeds {}", most);
    return value.as_integer();
  }

  void convert() {
    ++pos_;
    if (pos_ >= format_.size()) raise("incomplete format");
    const Value* keyed = nullptr;
    if (at(pos_) == '(') {
      const size_t close = format_.find(')', pos_);
      if (close == std::string_view::npos) raise("incomplete format key");
      if (!values_.is(Kind::dict)) raise("format requires a mapping");
      const std::string_view key = format_.substr(pos_ + 1, close - pos_ - 1);
      keyed = values_.dict().find(key);
      if (!keyed) raise("KeyError: '{}'", key);
      pos_ = close + 1;
    }
    Specification spec;
    bool zero = false;
    bool left = false;
    for (; one_of(at(pos_), "#0- +") && at(pos_); ++pos_) {
      const char flag = at(pos_);
      spec.alternate |= flag == '#';
      zero |= flag == '0';
      left |= flag == '-';
      if (flag == '+' || (flag == ' ' && spec.sign != '+')) spec.sign = flag;
    }
    spec.width = read_size(kMaxWidth);
    if (spec.width < 0) left = true, spec.width = -spec.width;
    if (at(pos_) == '.') {
      ++pos_;
      spec.precision = std::max<int64_t>(0, read_size(kMaxWidth));
    }
    while (one_of(at(pos_), "hlL") && at(pos_)) ++pos_;
    const char type = at(pos_);
    if (!type) raise("incomplete format");
    ++pos_;
    if (type == '%') return out_.append("%");
    spec.align = left ? '<' : '>';
    append_conversion(type, spec, zero && !left, keyed ? *keyed : next_value());
  }

  void append_conversion(char type, Specification& spec, bool zero, const Value& value) {
    if (one_of(type, "sra")) {
      std::string text = type == 's' ? to_str(heap_, value) : to_repr(heap_, value);
      if (spec.precision) text.resize(byte_offset(text, static_cast<size_t>(*spec.precision)));
      return out_.append(padded(heap_, spec, "", text, '>'));
    }
    if (type == 'c') return append_character(spec, value);
    if (!one_of(type, "diuxXoeEfFgG")) raise("unsupported format character '{}'", type);
    if (value.is_undefined()) raise_undefined(value);
    if (!value.is_number()) {
      raise("%{} format: a real number is required, not {}", type, type_name(value));
    }
    if (zero) spec.fill.assign(1, '0'), spec.align = '=';
    if (one_of(type, "eEfFgG")) {
      spec.type = type;
      return out_.append(format_real(heap_, value.as_real(), spec));
    }
    if (one_of(type, "xXo") && !value.is_integral()) {
      raise("%{} format: an integer is required, not float", type);
    }
    spec.type = one_of(type, "diu") ? 'd' : type;
    const int64_t integer = value.is_integral() ? value.as_integer() : truncated(value.as_real());
    // Here a precision is the least number of digits.
    const auto digits = std::exchange(spec.precision, std::nullopt);
    Specification bare = spec;
    bare.width = 0;
    bare.sign = '-';
    std::string text = format_integer(heap_, integer, bare);
    std::string sign = sign_of(spec, integer < 0);
    if (integer < 0) text.erase(0, 1);
    if (spec.alternate && spec.type != 'd') {
      sign += text.substr(0, 2);
      text.erase(0, 2);
    }
    if (digits && text.size() < static_cast<size_t>(*digits)) {
      text.insert(0, static_cast<size_t>(*digits) - text.size(), '0');
    }
    out_.append(padded(heap_, spec, sign, text, '>'));
  }

  void append_character(const Specification& spec, const Value& value) {
    if (value.is_string() && value.text().length == 1) {
      return out_.append(padded(heap_, spec, "", value.str(), '>'));
    }
    if (!value.is_integral()) raise("%c requires int or char");
    Specification character = spec;
    character.type = 'c';
    character.precision.reset();
    out_.append(format_integer(heap_, value.as_integer(), character));
  }

  Heap& heap_;
  std::string_view format_;
  const Value& values_;
  TextBuilder out_;
  size_t pos_ = 0;
  size_t used_ = 0;
};

}  // namespace

std::string percent_format(Heap& heap, std::string_view format, const Value& values) {
  return PercentFormat(heap, format, values).run();
}

}  // namespace tarn::text::jinja
