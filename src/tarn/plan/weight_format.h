// What a model's weights take in a format: in memory as they are computed with, and in files.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tarn/io/storage_type.h"
#include "tarn/plan/shape_cost.h"
#include "tarn/quant/format.h"

namespace tarn::plan {

struct WeightFormat {
  std::string name;                                // "bf16", "affine:4:64"
  StorageType dense = StorageType::bf16;           // of what is not quantized, and of scales
  std::optional<QuantizationConfig> quantization;  // nothing: nothing is quantized
};

// "f32", "f16", "bf16", or a format of quantized weights (quant/format.h). invalid_argument
// for another one.
WeightFormat parse_weight_format(std::string_view text);
// What config.json states. unsupported when it is quantized in a way that Tarn does not compute.
WeightFormat own_weight_format(const ModelConfig& config);
// bf16, then 8, 6, 5, 4, 3 and 2 bits in groups of 64.
std::vector<WeightFormat> usual_weight_formats();

// How a matrix is stored; nothing: dense. So is one whose inputs do not fill groups.
std::optional<quant::Format> matrix_format(const WeightFormat& format, const Matrix& matrix);

struct WeightBytes {
  double memory = 0;    // panels (rows padded to 16), dense matrices, vectors as float32
  double matrices = 0;  // of it: what ModelSize::weight_bytes counts
  double file = 0;      // tensors of a checkpoint in MLX's layout, vectors in the dense type
  double layers = 0;    // of the matrices that every token is multiplied with
  double head = 0;      // of the output projection
  double row = 0;       // of one row of the embedding

  // What one token's step reads: ModelSize::bytes_per_token. (A tied table's row is in `head`.)
  double per_token = 0;
};

WeightBytes weight_bytes(const ShapeCost& cost, const WeightFormat& format);

}  // namespace tarn::plan
