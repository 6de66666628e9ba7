#include "tarn/plan/predict.h"

#include <algorithm>
#include <cmath>

namespace tarn::plan {
namespace {

double reading_rate(const Device& device, const Efficiency& efficiency) {
  return device.bandwidth * efficiency.bandwidth *
         (device.measured ? 1.0 : efficiency.published_bandwidth);
}

// Work per second can be unknown (0), then the time is too.
double seconds(double work, double rate) { return work == 0 ? 0 : work / rate; }

// With float32 caches the activations are not rounded, so that products stay in float32.
double dense_rate(const PlannedModel& model, const Device& device) {
  return dense_rate(device, model.format.dense == StorageType::bf16 && model.kv != KvType::f32);
}

double layer_seconds(const PlannedModel& model, const Device& device,
                     const Efficiency& efficiency) {
  return seconds(model.quantized_macs, quantized_rate(device) * efficiency.matmul) +
         seconds(model.dense_macs, dense_rate(model, device) * efficiency.matmul) +
         seconds(recurrent_macs(model.cost), vector_rate(device) * efficiency.recurrent);
}

double head_seconds(const PlannedModel& model, const Device& device, const Efficiency& efficiency) {
  const double rate = model.head_quantized ? quantized_rate(device) : dense_rate(model, device);
  return seconds(model.head_macs, rate * efficiency.matmul);
}

double attention_seconds(const PlannedModel& model, const Device& device,
                         const Efficiency& efficiency, double first, double tokens) {
  return seconds(attention_macs(model.cost, first, tokens),
                 attention_rate(device) * efficiency.attention);
}

bool arithmetic_known(const PlannedModel& model, const Device& device) {
  return quantized_rate(device) > 0 && dense_rate(model, device) > 0 && vector_rate(device) > 0;
}

double decode_reading(const PlannedModel& model, const Device& device, const Efficiency& efficiency,
                      double context, double batch) {
  const TokenBytes bytes = token_bytes(model, context);
  return (bytes.weights + batch * (bytes.kv + bytes.state)) / reading_rate(device, efficiency);
}

double decode_computing(const PlannedModel& model, const Device& device,
                        const Efficiency& efficiency, double context, double batch) {
  if (!arithmetic_known(model, device)) return 0;
  return batch *
         (layer_seconds(model, device, efficiency) + head_seconds(model, device, efficiency) +
          attention_seconds(model, device, efficiency, context, 1));
}

double activation_bytes(const PlannedModel& model, const Workload& workload) {
  constexpr double f32 = 4;
  const auto tokens =
      static_cast<double>(std::max(std::min(workload.context, prefill_chunk), workload.batch));
  // The residual, a norm's output, a block's output, and the widest thing between.
  const double values =
      3 * static_cast<double>(model.cost.hidden_size) + static_cast<double>(model.cost.widest);
  const double logits =
      static_cast<double>(workload.batch) * static_cast<double>(model.cost.vocab_size);
  return f32 * (tokens * values + logits);
}

bool fits(const PlannedModel& model, const Device& device, const Workload& workload) {
  return footprint(model, workload).total() <= usable_memory(device);
}

int64_t largest_context(const PlannedModel& model, const Device& device, Workload workload,
                        int64_t limit) {
  const auto fits_with = [&](int64_t context) {
    workload.context = context;
    return fits(model, device, workload);
  };
  if (fits_with(limit)) return limit;
  int64_t good = 0;  // the largest that is known to fit
  for (int64_t bad = limit; bad - good > 1;) {
    const int64_t middle = good + (bad - good) / 2;
    (fits_with(middle) ? good : bad) = middle;
  }
  return good;
}

}  // namespace

PlannedModel::PlannedModel(const ModelConfig& config, WeightFormat weight_format, KvType kv_type)
    : cost(shape_cost(config)),
      format(std::move(weight_format)),
      kv(kv_type),
      weights(weight_bytes(cost, format)) {
  for (const Matrix& matrix : cost.matrices) {
    const bool quantized = matrix_format(format, matrix).has_value();
    if (matrix.use == MatrixUse::layer) {
      (quantized ? quantized_macs : dense_macs) += matrix.size();
    } else if (matrix.use != MatrixUse::embedding) {
      head_macs = matrix.size();
      head_quantized = quantized;
    }
  }
}

TokenBytes token_bytes(const PlannedModel& model, double context) {
  return {model.weights.per_token, kv_bytes(model.cost, model.kv, context),
          2 * state_bytes(model.cost)};
}

double decode_seconds(const PlannedModel& model, const Device& device, const Efficiency& efficiency,
                      double context, double batch) {
  return std::max(decode_reading(model, device, efficiency, context, batch),
                  decode_computing(model, device, efficiency, context, batch)) +
         efficiency.step_seconds;
}

std::optional<double> prefill_seconds(const PlannedModel& model, const Device& device,
                                      const Efficiency& efficiency, double first, double tokens) {
  if (!arithmetic_known(model, device)) return std::nullopt;
  const double steps = std::ceil(tokens / static_cast<double>(prefill_chunk));
  const double computing = tokens * layer_seconds(model, device, efficiency) +
                           attention_seconds(model, device, efficiency, first, tokens) +
                           head_seconds(model, device, efficiency);
  const double reading =
      (steps * (model.weights.layers + kv_bytes(model.cost, model.kv, first + tokens)) +
       model.weights.head) /
      reading_rate(device, efficiency);
  return std::max(reading, computing) + steps * efficiency.step_seconds;
}

Footprint footprint(const PlannedModel& model, const Workload& workload) {
  const auto batch = static_cast<double>(workload.batch);
  return {
      .weights = model.weights.memory,
      .kv = batch * kv_capacity_bytes(model.cost, model.kv, static_cast<double>(workload.context)),
      .state = batch * state_bytes(model.cost),
      .activations = activation_bytes(model, workload)};
}

Prediction predict(const PlannedModel& model, const Device& device, const Efficiency& efficiency,
                   const Workload& workload, int64_t max_positions) {
  const auto context = static_cast<double>(workload.context);
  const auto batch = static_cast<double>(workload.batch);
  Prediction result;
  result.memory = footprint(model, workload);
  result.fits = fits(model, device, workload);
  result.max_context = largest_context(model, device, workload, max_positions);
  result.bytes = token_bytes(model, context);
  result.decode_rate = batch / decode_seconds(model, device, efficiency, context, batch);
  result.decode_computes = decode_computing(model, device, efficiency, context, batch) >
                           decode_reading(model, device, efficiency, context, batch);
  const auto prompt = static_cast<double>(workload.prompt);
  result.first_token_seconds = prefill_seconds(model, device, efficiency, 0, prompt);
  if (result.first_token_seconds) result.prefill_rate = prompt / *result.first_token_seconds;
  return result;
}

}  // namespace tarn::plan
