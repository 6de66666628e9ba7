#include "tarn/plan/weight_format.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "tarn/base/error.h"
#include "tarn/compress/recipe.h"
#include "tarn/io/quote.h"
#include "tarn/quant/panel.h"

namespace tarn::plan {
namespace {

constexpr std::array dense_formats{std::pair{std::string_view("bf16"), StorageType::bf16},
                                   std::pair{std::string_view("f16"), StorageType::f16},
                                   std::pair{std::string_view("f32"), StorageType::f32}};

double bytes_of(StorageType type) { return storage_type_bits(type) / 8.0; }

quant::ScaleType scale_type(StorageType type) {
  if (type == StorageType::f32) return quant::ScaleType::f32;
  return type == StorageType::f16 ? quant::ScaleType::f16 : quant::ScaleType::bf16;
}

QuantizationFormat mlx_format(const quant::AffineFormat& format) {
  return {.mode = "affine", .group_size = format.group_size, .bits = format.bits};
}

// Overrides are named as in the checkpoint, with any of several prefixes before "layers.0...".
std::optional<QuantizationFormat> format_of(const QuantizationConfig& quantization,
                                            const std::string& module) {
  for (const auto& [name, format] : quantization.overrides) {
    if (name == module || name.ends_with("." + module)) return format;
  }
  return quantization.format;
}

void require_computable(const QuantizationFormat& format) {
  constexpr std::array<int64_t, 6> bits{2, 3, 4, 5, 6, 8};
  const bool known = std::find(bits.begin(), bits.end(), format.bits) != bits.end();
  if (format.mode != "affine" || !known) {
    fail(ErrorCode::unsupported,
         "quantization mode \"{}\" with {} bits: Tarn does not compute with it; plan for the "
         "unquantized model, or name formats with --format",
         format.mode, format.bits);
  }
}

struct MatrixBytes {
  double memory;
  double file;
};

MatrixBytes matrix_bytes(const WeightFormat& format, const Matrix& matrix) {
  const double dense = bytes_of(format.dense);
  const auto affine = affine_format(format, matrix);
  if (!affine) return {matrix.size() * dense, matrix.size() * dense};
  const size_t panels =
      quant::packed_size({affine->bits, affine->group_size, scale_type(format.dense)},
                         static_cast<size_t>(matrix.rows), static_cast<size_t>(matrix.columns));
  const double file = matrix.size() * (affine->bits / 8.0 + 2 * dense / affine->group_size);
  return {static_cast<double>(panels), file};
}

}  // namespace

WeightFormat parse_weight_format(std::string_view text) {
  for (const auto& [name, type] : dense_formats) {
    if (name == text) return {std::string(name), type, std::nullopt};
  }
  if (!text.starts_with("affine")) {
    fail(ErrorCode::invalid_argument,
         "format {}: not known: write bf16, f16, f32 or affine:BITS:GROUP", quote(text));
  }
  const quant::AffineFormat affine = compress::parse_format(text);
  return {compress::format_text(affine), StorageType::bf16,
          QuantizationConfig{.format = mlx_format(affine), .overrides = {}}};
}

WeightFormat own_weight_format(const ModelConfig& config) {
  WeightFormat format{"", config.dtype.value_or(StorageType::bf16), config.quantization};
  if (!config.quantization) {
    const auto found = std::find_if(dense_formats.begin(), dense_formats.end(),
                                    [&](const auto& one) { return one.second == format.dense; });
    if (found == dense_formats.end()) {
      fail(ErrorCode::unsupported,
           "dtype {}: Tarn computes with f32, f16 and bf16 weights; name formats with --format",
           storage_type_name(format.dense));
    }
    format.name = found->first;
    return format;
  }
  require_computable(config.quantization->format);
  bool mixed = false;
  for (const auto& [name, override] : config.quantization->overrides) {
    if (override) require_computable(*override);
    mixed = mixed || override != config.quantization->format;
  }
  const QuantizationFormat& base = config.quantization->format;
  format.name = fmt::format("affine:{}:{}{}", base.bits, base.group_size, mixed ? " mixed" : "");
  return format;
}

std::vector<WeightFormat> usual_weight_formats() {
  std::vector<WeightFormat> formats{parse_weight_format("bf16")};
  for (const int bits : {8, 6, 5, 4, 3, 2}) {
    formats.push_back(parse_weight_format(fmt::format("affine:{}:64", bits)));
  }
  return formats;
}

std::optional<quant::AffineFormat> affine_format(const WeightFormat& format, const Matrix& matrix) {
  if (!format.quantization) return std::nullopt;
  const auto found = format_of(*format.quantization, matrix.module);
  if (!found || matrix.columns % found->group_size != 0) return std::nullopt;
  return quant::AffineFormat{static_cast<int>(found->bits), static_cast<int>(found->group_size)};
}

WeightBytes weight_bytes(const ShapeCost& cost, const WeightFormat& format) {
  const double dense = bytes_of(format.dense);
  WeightBytes bytes;
  for (const Matrix& matrix : cost.matrices) {
    const MatrixBytes of = matrix_bytes(format, matrix);
    bytes.matrices += of.memory;
    bytes.file += of.file;
    const bool embeds = matrix.use == MatrixUse::embedding || matrix.use == MatrixUse::both;
    if (matrix.use == MatrixUse::layer) bytes.layers += of.memory;
    if (matrix.use == MatrixUse::head || matrix.use == MatrixUse::both) bytes.head += of.memory;
    if (embeds) bytes.row = std::floor(of.memory / static_cast<double>(matrix.rows));
    if (matrix.use == MatrixUse::embedding) bytes.per_token += bytes.row;
  }
  bytes.per_token += bytes.layers + bytes.head;
  bytes.memory = bytes.matrices + cost.vectors * 4 + cost.convolutions * dense;
  bytes.file += (cost.vectors + cost.convolutions) * dense;
  return bytes;
}

}  // namespace tarn::plan
