// What a machine will do with a model: memory, and speed from two limits, how fast it reads and how
// fast it multiplies. docs/plan.md has the formulas in words.
#pragma once

#include <cstdint>
#include <optional>

#include "tarn/plan/device.h"
#include "tarn/plan/shape_cost.h"
#include "tarn/plan/weight_format.h"

namespace tarn::plan {

// Which part of a machine's limits the kernels reach: the one place to calibrate predictions.
struct Efficiency {
  double bandwidth = 0.93;            // of the bandwidth that reading alone reaches, in decode
  double published_bandwidth = 0.85;  // what reading reaches of a data sheet's bandwidth
  // Of the peak for the type, in products with weights and the small steps between them.
  double matmul = 0.56;
  double attention = 0.7;        // of the peak of attention_rate, in products with keys and values
  double recurrent = 0.55;       // of the float32 peak, in the gated delta rule
  double step_seconds = 0.3e-3;  // of each step, whatever its size
};

// Tokens of a prompt that are computed in one step.
inline constexpr int64_t prefill_chunk = 512;

// A model in a format, counted once.
struct PlannedModel {
  PlannedModel(const ModelConfig& config, WeightFormat weight_format, KvType kv_type);

  ShapeCost cost;
  WeightFormat format;
  KvType kv;
  WeightBytes weights;
  double quantized_macs = 0;  // of a token in the layers' matrices, by how they are stored
  double dense_macs = 0;
  double head_macs = 0;  // of the output projection
  bool head_quantized = false;
};

// Bytes that must move for one token behind `context` others.
struct TokenBytes {
  double weights = 0;
  double kv = 0;     // read
  double state = 0;  // recurrent state, read and written
  double total() const { return weights + kv + state; }
};
TokenBytes token_bytes(const PlannedModel& model, double context);

// Seconds of one step that gives each of `batch` sequences one token: weights are read once, each
// sequence's keys, values and state on their own.
double decode_seconds(const PlannedModel& model, const Device& device, const Efficiency& efficiency,
                      double context, double batch);
// Seconds from a prompt of `tokens` tokens behind `first` others to the logits of its last.
// Nothing: the device's arithmetic is not known.
std::optional<double> prefill_seconds(const PlannedModel& model, const Device& device,
                                      const Efficiency& efficiency, double first, double tokens);

struct Workload {
  int64_t context = 4096;  // tokens of each sequence
  int64_t prompt = 512;    // tokens of the prompt to predict
  int64_t batch = 1;       // sequences at once
};

// Bytes.
struct Footprint {
  double weights = 0;
  double kv = 0;
  double state = 0;
  double activations = 0;
  double total() const { return weights + kv + state + activations; }
};
Footprint footprint(const PlannedModel& model, const Workload& workload);

struct Prediction {
  Footprint memory;
  bool fits = false;        // into the device's usable memory
  int64_t max_context = 0;  // tokens of each sequence that fit, at most the model's own; 0: none
  TokenBytes bytes;         // of one sequence
  double decode_rate = 0;   // tokens a second of all sequences together
  bool decode_computes = false;        // arithmetic takes longer than reading: the batch is large
  std::optional<double> prefill_rate;  // tokens a second
  std::optional<double> first_token_seconds;
};

// `max_positions`: the model's own context limit.
Prediction predict(const PlannedModel& model, const Device& device, const Efficiency& efficiency,
                   const Workload& workload, int64_t max_positions);

}  // namespace tarn::plan
