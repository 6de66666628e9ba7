#include <algorithm>
#include <array>
#include <string>

#include "tarn/io/quote.h"
#include "tarn/models/config_parts.h"

namespace tarn {
namespace {

// MLX's modes: their sizes when the file gives none, and whether other sizes exist.
struct Mode {
  std::string_view name;
  int64_t group_size;
  int64_t bits;
  bool fixed;
};
constexpr std::array kModes{Mode{"affine", 64, 4, false}, Mode{"mxfp4", 32, 4, true},
                            Mode{"mxfp8", 32, 8, true}, Mode{"nvfp4", 16, 4, true}};

constexpr const char* kQuantizeInput = "quantize_input";

QuantizationFormat parse_format(const JsonFields& fields) {
  const std::string name = fields.text("mode").value_or("affine");
  const auto mode = std::find_if(kModes.begin(), kModes.end(),
                                 [&](const Mode& known) { return known.name == name; });
  if (mode == kModes.end()) {
    fields.fail_at(ErrorCode::unsupported, "mode", "is " + quote(name) + ", which Tarn cannot read",
                   "supported are affine, mxfp4, mxfp8 and nvfp4");
  }
  if (fields.boolean_or(kQuantizeInput, false)) {
    fields.fail_at(ErrorCode::unsupported, kQuantizeInput, "is true, which Tarn cannot do",
                   "take a model that quantizes weights only");
  }
  QuantizationFormat result{
      .mode = name,
      .group_size = fields.integer_or("group_size", 1, 1024, mode->group_size),
      .bits = fields.integer_or("bits", 1, 16, mode->bits)};
  constexpr std::array<int64_t, 3> groups{32, 64, 128};
  constexpr std::array<int64_t, 7> bits{1, 2, 3, 4, 5, 6, 8};
  const auto one_of = [](const auto& values, int64_t value) {
    return std::find(values.begin(), values.end(), value) != values.end();
  };
  if (mode->fixed ? result.group_size != mode->group_size : !one_of(groups, result.group_size)) {
    fields.broken("group_size", "is {}, which mode {} does not have", result.group_size, name);
  }
  if (mode->fixed ? result.bits != mode->bits : !one_of(bits, result.bits)) {
    fields.broken("bits", "is {}, which mode {} does not have", result.bits, name);
  }
  return result;
}

}  // namespace

std::optional<QuantizationFormat> QuantizationConfig::of(const std::string& module) const {
  const auto found = overrides.find(module);
  return found == overrides.end() ? format : found->second;
}

std::optional<QuantizationConfig> parse_quantization(const JsonFields& document) {
  auto fields = document.object("quantization");
  if (!fields) {
    fields = document.object("quantization_config");
    if (!fields) return std::nullopt;
    if (const auto method = fields->text("quant_method")) {
      fields->fail_at(ErrorCode::unsupported, "quant_method",
                      "is " + quote(*method) + ", which Tarn cannot read",
                      "take the unquantized model, or one quantized in MLX's format");
    }
  }
  QuantizationConfig result;
  result.format = parse_format(*fields);
  for (const auto& [key, value] : fields->value().items()) {
    if (key == "group_size" || key == "bits" || key == "mode" || key == kQuantizeInput) continue;
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
