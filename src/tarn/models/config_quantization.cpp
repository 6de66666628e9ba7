#include <algorithm>
#include <array>
#include <string>

#include "tarn/io/quote.h"
#include "tarn/models/config_parts.h"
#include "tarn/models/published_quantization.h"
#include "tarn/models/quantization_json.h"

namespace tarn {
namespace {

constexpr std::array kKeys{"mode", "group_size", "bits", "type", "per_tensor", "quantize_input"};
constexpr const char* kQuantizeInput = "quantize_input";

// The format of a mode whose sizes stand in its name, or MLX's default of affine.
quant::Format format_of_mode(const JsonFields& fields) {
  const std::string name = fields.text("mode").value_or("affine");
  if (name == "affine") return quant::affine_format(4, 64);
  if (name == "lut") {
    const int64_t bits = fields.integer_or("bits", 1, 8, 6);
    const int64_t group = fields.integer_or("group_size", 0, 1024, 0);
    try {
      return quant::parse_format(group == 0 ? fmt::format("lut{}", bits)
                                            : fmt::format("lut{}:{}", bits, group));
    } catch (const Error&) {
      fields.broken("bits", "is {} with groups of {}, which mode lut does not have", bits, group);
    }
  }
  if (name == "palette") {
    const int64_t bits = fields.integer_or("bits", 1, 8, 4);
    try {
      return quant::parse_format(fmt::format(
          "palette{}{}", bits, fields.boolean_or("per_tensor", false) ? ":tensor" : ""));
    } catch (const Error&) {
      fields.broken("bits", "is {}, which mode palette does not have", bits);
    }
  }
  if (name == "ggml") {
    const std::string type = fields.text("type").value_or("");
    try {
      return quant::parse_format("ggml:" + type);
    } catch (const Error&) {
      fields.fail_at(ErrorCode::unsupported, "type",
                     "is " + quote(type) + ", no type of quantized weights in GGUF files",
                     "take one like q4_k or q8_0");
    }
  }
  if (name != "mxfp4" && name != "mxfp8" && name != "nvfp4" && name != "fp8") {
    fields.fail_at(ErrorCode::unsupported, "mode", "is " + quote(name) + ", which Tarn cannot read",
                   "supported are affine, lut, palette, mxfp4, mxfp8, nvfp4, fp8 and ggml");
  }
  return quant::parse_format(name);
}

quant::Format parse_format(const JsonFields& fields) {
  quant::Format format = format_of_mode(fields);
  if (fields.boolean_or(kQuantizeInput, false)) {
    fields.fail_at(ErrorCode::unsupported, kQuantizeInput, "is true, which Tarn cannot do",
                   "take a model that quantizes weights only");
  }
  const int64_t group = fields.integer_or("group_size", 0, 1024, format.group_size);
  const int64_t bits = fields.integer_or("bits", 0, 16, format.bits);
  const bool open = format.mode == quant::FormatMode::affine;
  constexpr std::array<int64_t, 3> groups{32, 64, 128};
  constexpr std::array<int64_t, 7> widths{1, 2, 3, 4, 5, 6, 8};
  const auto one_of = [](const auto& values, int64_t value) {
    return std::find(values.begin(), values.end(), value) != values.end();
  };
  if (open ? !one_of(groups, group) : group != format.group_size) {
    fields.broken("group_size", "is {}, which format {} does not have", group,
                  open ? "affine" : format_text(format));
  }
  if (open ? !one_of(widths, bits) : bits != format.bits) {
    fields.broken("bits", "is {}, which format {} does not have", bits,
                  open ? "affine" : format_text(format));
  }
  format.group_size = static_cast<int>(group);
  format.bits = static_cast<int>(bits);
  return format;
}

}  // namespace

ordered_json quantization_json(const quant::Format& format) {
  switch (format.mode) {
    case quant::FormatMode::affine:
      return {{"group_size", format.group_size}, {"bits", format.bits}, {"mode", "affine"}};
    case quant::FormatMode::lut:
      return {{"group_size", format.group_size}, {"bits", format.bits}, {"mode", "lut"}};
    case quant::FormatMode::palette:
      return {{"bits", format.bits}, {"mode", "palette"}, {"per_tensor", format.whole}};
    case quant::FormatMode::ggml: {
      std::string type = format_text(format);
      if (type.starts_with("ggml:")) type.erase(0, 5);
      return {{"mode", "ggml"}, {"type", type}};
    }
    default:
      return {
          {"group_size", format.group_size}, {"bits", format.bits}, {"mode", format_text(format)}};
  }
}

std::optional<quant::Format> QuantizationConfig::of(const std::string& module) const {
  const auto found = overrides.find(module);
  return found == overrides.end() ? format : found->second;
}

std::optional<QuantizationConfig> parse_quantization(const JsonFields& document) {
  auto fields = document.object("quantization");
  if (!fields) {
    fields = document.object("quantization_config");
    if (!fields) return std::nullopt;
    if (fields->has("quant_method")) {
      return QuantizationConfig{.format = parse_quant_method(*fields), .overrides = {}};
    }
  }
  QuantizationConfig result;
  result.format = parse_format(*fields);
  for (const auto& [key, value] : fields->value().items()) {
    if (std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end()) continue;
    if (value.is_boolean()) {
      result.overrides[key] = value.get<bool>() ? std::optional(result.format) : std::nullopt;
      continue;
    }
    const auto module = fields->object(key);
    if (!module) fields->broken(key, "is null, neither sizes nor true or false");
    // What an override leaves out is its mode's own default, not the model's, as in MLX.
    result.overrides[key] = parse_format(*module);
  }
  return result;
}

}  // namespace tarn
