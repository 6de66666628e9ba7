// The tensors of a checkpoint as arrays, used in place where that is possible.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tarn/base/read_ahead.h"
#include "tarn/core/array.h"
#include "tarn/io/checkpoint.h"
#include "tarn/models/config.h"
#include "tarn/models/panel_loader.h"

namespace tarn {

class Weights {
 public:
  // `quantization` as the config states it: which modules are quantized, and how.
  Weights(const std::filesystem::path& model, std::optional<QuantizationConfig> quantization);

  // Names below are looked up as they are and behind the prefixes that checkpoints put before them
  // ("model.", "model.language_model.", "language_model.model."): "layers.0.mlp.up_proj.weight".
  bool has(std::string_view name) const { return find(name) != nullptr; }

  // The module's name in the checkpoint: "model.layers.0.mlp.up_proj"; as it is when there is none.
  std::string full_module(std::string_view module) const;

  // The tensor with exactly this shape. Errors name it, what was expected and what is there. Bytes
  // are the file's, mapped; f8_e4m3 and unaligned tensors are copied (and counted).
  array get(std::string_view name, const Shape& shape);
  // The tensor, whatever its shape.
  array get(std::string_view name);
  // The same as float32: for small vectors that every step reads.
  array get_f32(std::string_view name, const Shape& shape);
  // The panels of `module` in a packed checkpoint, used in place; nothing when there are none.
  std::optional<PanelArray> packed(std::string_view module, int64_t rows, int64_t columns);
  // The quantized matrix of `module`. Errors as stored_matrix().
  StoredMatrix stored(std::string_view module, const quant::Format& format);
  // Packs quantized matrices.
  PanelLoader& panels() { return panels_; }
  // Call when all is loaded: only then do panels have their content. A file that was not in the
  // page cache is read now, in its own order, which the first token would do in another.
  void finish();
  // How `module` ("layers.0.mlp.up_proj") is quantized; nothing when it is not.
  std::optional<quant::Format> format_of(std::string_view module) const;

  // Tensors that no one asked for, grouped for people: "model.visual.* (153 tensors)". Call when
  // all is loaded.
  std::vector<std::string> unused() const;
  int64_t parameters() const { return parameters_; }
  void count_parameters(int64_t count) { parameters_ += count; }
  // Tensors that the family leaves out on purpose, by prefix, so that unused() is silent on them.
  void ignore(std::string_view prefix) { ignored_.emplace_back(prefix); }

 private:
  const TensorInfo* find(std::string_view name) const;
  const TensorInfo& require(std::string_view name);
  array to_array(const TensorInfo& info) const;

  Checkpoint checkpoint_;
  ReadAhead read_ahead_;
  PanelLoader panels_;
  std::optional<QuantizationConfig> quantization_;
  std::set<std::string, std::less<>> used_;
  std::vector<std::string> ignored_;
  int64_t parameters_ = 0;
};

}  // namespace tarn
