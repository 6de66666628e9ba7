#include "tarn/plan/weight_format.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "tarn/base/error.h"
#include "tarn/quant/codec.h"

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

// Overrides are named as in the checkpoint, with any of several prefixes before "layers.0...".
std::optional<quant::Format> format_of(const QuantizationConfig& quantization,
                                       const std::string& module) {
  for (const auto& [name, format] : quantization.overrides) {
    if (name == module || name.ends_with("." + module)) return format;
  }
  return quantization.format;
}

void require_computable(const quant::Format& format) {
  try {
    quant::make_codec(format, quant::ScaleType::bf16)->check(quant::panel_rows, 0);
  } catch (const Error& error) {
    fail(ErrorCode::unsupported,
         "{}; plan for the unquantized model, or name formats with --format", error.what());
  }
}

struct MatrixBytes {
  double memory;
  double file;
};

MatrixBytes matrix_bytes(const WeightFormat& format, const Matrix& matrix) {
  const double dense = bytes_of(format.dense);
  const auto quantized = matrix_format(format, matrix);
  if (!quantized) return {matrix.size() * dense, matrix.size() * dense};
  const auto codec = quant::make_codec(*quantized, scale_type(format.dense));
  const auto rows = static_cast<size_t>(matrix.rows);
  const auto columns = static_cast<size_t>(matrix.columns);
  return {static_cast<double>(quant::packed_size(codec->panel_format(), rows, columns)),
          static_cast<double>(codec->bytes(rows, columns))};
}

}  // namespace

WeightFormat parse_weight_format(std::string_view text) {
  for (const auto& [name, type] : dense_formats) {
    if (name == text) return {std::string(name), type, std::nullopt};
  }
  const quant::Format format = quant::parse_format(text);
  return {format_text(format), StorageType::bf16,
          QuantizationConfig{.format = format, .overrides = {}}};
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
  format.name = format_text(config.quantization->format) + (mixed ? " mixed" : "");
  return format;
}

std::vector<WeightFormat> usual_weight_formats() {
  std::vector<WeightFormat> formats{parse_weight_format("bf16")};
  for (const int bits : {8, 6, 5, 4, 3, 2}) {
    formats.push_back(parse_weight_format(fmt::format("affine:{}:64", bits)));
  }
  return formats;
}

std::optional<quant::Format> matrix_format(const WeightFormat& format, const Matrix& matrix) {
  if (!format.quantization) return std::nullopt;
  const auto found = format_of(*format.quantization, matrix.module);
  if (!found) return std::nullopt;
  const auto codec = quant::make_codec(*found, scale_type(format.dense));
  if (!codec->misfit(static_cast<size_t>(matrix.columns)).empty()) return std::nullopt;
  return found;
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
