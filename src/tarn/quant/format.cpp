#include "tarn/quant/format.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "tarn/base/error.h"

namespace tarn::quant {
namespace {

constexpr std::string_view affine_name = "affine";
constexpr std::string_view lut_name = "lut";
constexpr std::string_view palette_name = "palette";
constexpr std::string_view whole_suffix = ":tensor";
constexpr std::string_view uniform_suffix = ":uniform";
constexpr std::string_view unique_suffix = ":unique";
constexpr std::string_view ggml_prefix = "ggml:";
constexpr int default_group = 64;

struct FloatMode {
  FormatMode mode;
  std::string_view name;
  int bits;
  int group_size;
};
constexpr std::array float_modes{
    FloatMode{FormatMode::mxfp4, "mxfp4", 4, 32}, FloatMode{FormatMode::mxfp8, "mxfp8", 8, 32},
    FloatMode{FormatMode::nvfp4, "nvfp4", 4, 16}, FloatMode{FormatMode::fp8, "fp8", 8, 128}};

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <size_t count>
bool one_of(const std::array<int, count>& values, std::optional<int> value) {
  return value && std::find(values.begin(), values.end(), *value) != values.end();
}

std::optional<Format> parse_affine(std::string_view rest) {
  std::optional<int> group = default_group;
  if (rest.starts_with(':')) {
    rest.remove_prefix(1);
    const size_t colon = rest.find(':');
    group = colon == std::string_view::npos ? std::nullopt : number(rest.substr(colon + 1));
    rest = rest.substr(0, colon);
  }
  const std::optional<int> bits = number(rest);
  if (!one_of(std::array{2, 3, 4, 5, 6, 8}, bits) || !one_of(std::array{32, 64, 128}, group)) {
    return std::nullopt;
  }
  return affine_format(*bits, *group);
}

std::optional<Format> parse_lut(std::string_view rest) {
  const size_t colon = rest.find(':');
  const std::optional<int> bits = number(rest.substr(0, colon));
  const std::optional<int> group = colon == rest.npos ? 0 : number(rest.substr(colon + 1));
  const bool known = one_of(std::array{1, 2, 3, 4, 6, 8}, bits) &&
                     (colon == rest.npos || one_of(std::array{32, 64}, group));
  return known ? std::optional(lut_format(*bits, *group)) : std::nullopt;
}

// Takes `suffix` from the end of the text, if it is there.
bool take(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

std::optional<Format> parse_palette(std::string_view rest) {
  PaletteFit fit = PaletteFit::kmeans;
  if (take(rest, uniform_suffix)) fit = PaletteFit::uniform;
  if (fit == PaletteFit::kmeans && take(rest, unique_suffix)) fit = PaletteFit::unique;
  const bool whole = take(rest, whole_suffix);
  const std::optional<int> bits = number(rest);
  if (!one_of(std::array{1, 2, 3, 4, 6, 8}, bits)) return std::nullopt;
  return palette_format(*bits, whole, fit);
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return result;
}

// Types that stand for quantized weights of a model.
bool is_weight_format(GgmlType type) {
  return info(type).block_values > 1 && type != GgmlType::q8_1 && type != GgmlType::q8_k;
}

}  // namespace

Format affine_format(int bits, int group_size) {
  return {.mode = FormatMode::affine, .bits = bits, .group_size = group_size};
}

Format lut_format(int bits, int group_size) {
  return {.mode = FormatMode::lut, .bits = bits, .group_size = group_size};
}

Format palette_format(int bits, bool whole, PaletteFit fit) {
  return {.mode = FormatMode::palette, .bits = bits, .group_size = 0, .whole = whole, .fit = fit};
}

Format float_format(FormatMode mode) {
  const auto found = std::find_if(float_modes.begin(), float_modes.end(),
                                  [&](const FloatMode& one) { return one.mode == mode; });
  return {.mode = mode, .bits = found->bits, .group_size = found->group_size};
}

Format ggml_format(GgmlType type) {
  return {.mode = FormatMode::ggml, .bits = 0, .group_size = 0, .type = type};
}

Format parse_format(std::string_view text) {
  if (text.starts_with(affine_name)) {
    if (const auto format = parse_affine(text.substr(affine_name.size()))) return *format;
  }
  if (text.starts_with(lut_name)) {
    if (const auto format = parse_lut(text.substr(lut_name.size()))) return *format;
  }
  if (text.starts_with(palette_name)) {
    if (const auto format = parse_palette(text.substr(palette_name.size()))) return *format;
  }
  for (const FloatMode& one : float_modes) {
    if (text == one.name) return float_format(one.mode);
  }
  const std::string_view name =
      text.starts_with(ggml_prefix) ? text.substr(ggml_prefix.size()) : text;
  if (const auto type = ggml_type_from_name(name); type && is_weight_format(*type)) {
    return ggml_format(*type);
  }
  std::string types;
  for (const GgmlTypeInfo& one : ggml_types()) {
    if (!is_weight_format(one.type)) continue;
    types += types.empty() ? "" : ", ";
    types += lower(one.name);
  }
  fail(ErrorCode::invalid_argument,
       "format \"{}\": not known: write affine:BITS:GROUP with 2, 3, 4, 5, 6 or 8 bits and groups "
       "of 32, 64 or 128, affineBITS for groups of 64, lutBITS or lutBITS:GROUP with 1, 2, 3, 4, 6 "
       "or 8 bits and groups of 32 or 64, paletteBITS with the same bits and perhaps :tensor, "
       ":uniform or :unique, mxfp4, mxfp8, nvfp4, fp8, or a type of GGUF: {}",
       text, types);
}

std::string format_text(const Format& format) {
  for (const FloatMode& one : float_modes) {
    if (format.mode == one.mode) return std::string(one.name);
  }
  if (format.mode == FormatMode::ggml) {
    std::string name = lower(info(format.type).name);
    const bool taken = std::any_of(float_modes.begin(), float_modes.end(),
                                   [&](const FloatMode& one) { return one.name == name; });
    return taken ? fmt::format("{}{}", ggml_prefix, name) : name;
  }
  if (format.mode == FormatMode::palette) {
    return fmt::format("{}{}{}{}", palette_name, format.bits, format.whole ? whole_suffix : "",
                       format.fit == PaletteFit::uniform  ? uniform_suffix
                       : format.fit == PaletteFit::unique ? unique_suffix
                                                          : "");
  }
  if (format.mode == FormatMode::lut) {
    const std::string name = fmt::format("{}{}", lut_name, format.bits);
    return format.group_size == 0 ? name : fmt::format("{}:{}", name, format.group_size);
  }
  return fmt::format("{}:{}:{}", affine_name, format.bits, format.group_size);
}

}  // namespace tarn::quant
