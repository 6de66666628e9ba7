#include "tarn/cli/plan_report.h"

#include <fmt/format.h>

#include "tarn/base/json.h"
#include "tarn/cli/speed_line.h"

namespace tarn::cli {
namespace {

// Shapes at the limits of config.json need more bytes than 64 bits count.
constexpr double exact_limit = 0x1p53;

std::string bytes_text(double bytes) {
  if (bytes >= exact_limit) return fmt::format("{:.0e} B", bytes);
  return human_bytes(static_cast<uint64_t>(bytes));
}

json whole(double count) {
  return count < exact_limit ? json(static_cast<int64_t>(count)) : json(count);
}

std::string count_text(double count) {
  if (count < 999.5e6) return fmt::format("{:.1f} M", count / 1e6);
  return fmt::format("{:.2f} B", count / 1e9);
}

// "1.1 T" multiply-adds a second.
std::string rate_text(double rate) {
  if (rate <= 0) return "unknown";
  return rate < 1e12 ? fmt::format("{:.0f} G", rate / 1e9) : fmt::format("{:.1f} T", rate / 1e12);
}

std::string speed_text(double rate) {
  return fmt::format("{:.{}f}", rate, rate < 9.995 ? 2 : rate < 99.95 ? 1 : 0);
}

std::string duration_text(double seconds) {
  if (seconds < 0.9995) return fmt::format("{:.0f} ms", seconds * 1e3);
  return seconds < 99.95 ? fmt::format("{:.1f} s", seconds) : fmt::format("{:.0f} s", seconds);
}

std::string device_text(const plan::Device& device) {
  std::string text = fmt::format("{}: {:.1f} GB/s {}, {} ({} usable)", device.description,
                                 device.bandwidth / 1e9, device.measured ? "measured" : "published",
                                 bytes_text(device.memory), bytes_text(usable_memory(device)));
  if (vector_rate(device) > 0) {
    text += fmt::format("; multiply-adds a second: {} quantized, {} dense in bfloat16",
                        rate_text(quantized_rate(device)), rate_text(dense_rate(device, true)));
  }
  return text;
}

const char* limit_text(const plan::Prediction& prediction) {
  return prediction.decode_computes ? "arithmetic" : "memory";
}

std::string table_line(const PlanRow& row) {
  const plan::Prediction& p = row.prediction;
  return fmt::format("{:<22} {:>9} {:>9}  {:<4} {:>11} {:>13} {:>11} {:>12}  {}\n",
                     row.model.format.name + (row.own ? " (own)" : ""),
                     bytes_text(p.memory.weights), bytes_text(p.memory.total()),
                     p.fits ? "yes" : "no", p.max_context,
                     p.prefill_rate ? speed_text(*p.prefill_rate) : "-",
                     p.first_token_seconds ? duration_text(*p.first_token_seconds) : "-",
                     speed_text(p.decode_rate), limit_text(p));
}

std::string batch_note(const PlanReport& report) {
  if (report.workload.batch == 1) return "";
  return fmt::format("decode is of all {} sequences together; each gets one part in {}\n",
                     report.workload.batch, report.workload.batch);
}

json optional_json(const std::optional<double>& value) { return value ? json(*value) : json(); }

json row_json(const PlanRow& row) {
  const plan::Prediction& p = row.prediction;
  const plan::WeightBytes& weights = row.model.weights;
  return {{"format", row.model.format.name},
          {"own", row.own},
          {"file_bytes", whole(weights.file)},
          {"memory",
           {{"weights", whole(p.memory.weights)},
            {"kv", whole(p.memory.kv)},
            {"state", whole(p.memory.state)},
            {"activations", whole(p.memory.activations)},
            {"total", whole(p.memory.total())}}},
          {"fits", p.fits},
          {"max_context", p.max_context},
          {"bytes_per_token",
           {{"weights", whole(p.bytes.weights)},
            {"kv", whole(p.bytes.kv)},
            {"state", whole(p.bytes.state)}}},
          {"prefill_tokens_per_second", optional_json(p.prefill_rate)},
          {"first_token_seconds", optional_json(p.first_token_seconds)},
          {"decode_tokens_per_second", p.decode_rate},
          {"decode_limit", limit_text(p)}};
}

}  // namespace

std::string plan_table(const PlanReport& report) {
  const PlanRow& first = report.rows.front();
  const plan::ShapeCost& cost = first.model.cost;
  const plan::Footprint& memory = first.prediction.memory;
  std::string out = fmt::format("{:<10}{}: {}, {} layers, {} parameters\n", "model", report.model,
                                model_family_name(report.config.family),
                                report.config.num_hidden_layers, count_text(parameters(cost)));
  out += fmt::format("{:<10}{}\n", "device", device_text(report.device));
  out += fmt::format(
      "{:<10}{} tokens, {} {}: keys and values ({}) {}, recurrent state {}, "
      "activations {}\n\n",
      "context", report.workload.context, report.workload.batch,
      report.workload.batch == 1 ? "sequence" : "sequences", name(report.kv), bytes_text(memory.kv),
      bytes_text(memory.state), bytes_text(memory.activations));
  out += fmt::format("{:<22} {:>9} {:>9}  {:<4} {:>11} {:>13} {:>11} {}\n", "format", "weights",
                     "in all", "fits", "max context", "prefill tok/s", "first token",
                     "decode tok/s  limit");
  for (const PlanRow& row : report.rows) out += table_line(row);
  out += fmt::format("\nprefill and first token: a prompt of {} tokens; decode: with {} tokens\n",
                     report.workload.prompt, report.workload.context);
  out += batch_note(report);
  if (!first.prediction.prefill_rate) {
    out += "no prefill: the device's arithmetic is not known (choose one with --device)\n";
  }
  if (report.device.kind != plan::DeviceKind::cpu) {
    out += "Tarn has no kernels for this device yet: this is what its figures allow\n";
  }
  return out;
}

std::string plan_json(const PlanReport& report) {
  const plan::Device& device = report.device;
  const plan::Efficiency& efficiency = report.efficiency;
  const plan::ShapeCost& cost = report.rows.front().model.cost;
  json out{{"model", report.model},
           {"family", model_family_name(report.config.family)},
           {"parameters", whole(parameters(cost))},
           {"layer_parameters", whole(layer_parameters(cost))},
           {"max_position_embeddings", report.config.max_position_embeddings},
           {"device",
            {{"name", device.name},
             {"description", device.description},
             {"measured", device.measured},
             {"bandwidth", device.bandwidth},
             {"memory", whole(device.memory)},
             {"usable_memory", whole(usable_memory(device))},
             {"multiply_adds_per_second",
              {{"int8", device.int8}, {"half", device.half}, {"f32", device.f32}}}}},
           {"efficiency",
            {{"bandwidth", efficiency.bandwidth},
             {"published_bandwidth", efficiency.published_bandwidth},
             {"matmul", efficiency.matmul},
             {"attention", efficiency.attention},
             {"recurrent", efficiency.recurrent},
             {"step_seconds", efficiency.step_seconds}}},
           {"context", report.workload.context},
           {"prompt", report.workload.prompt},
           {"batch", report.workload.batch},
           {"kv", name(report.kv)},
           {"formats", json::array()}};
  for (const PlanRow& row : report.rows) out["formats"].push_back(row_json(row));
  return out.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace tarn::cli
