#include "tarn/cli/quantize_report.h"

#include <fmt/format.h>

#include <cstdio>

#include "tarn/base/json.h"

namespace tarn::cli {
namespace {

double bits_per_value(uint64_t bytes, uint64_t values) {
  return 8.0 * static_cast<double>(bytes) / static_cast<double>(values);
}

double megabytes(uint64_t bytes) { return static_cast<double>(bytes) / 1e6; }

}  // namespace

void print_target(const compress::TargetResult& result, bool measured) {
  uint64_t all = 0;
  for (const auto& [format, values] : result.values) all += values;
  for (const auto& [format, values] : result.values) {
    fmt::print("{:<14}{:.1f} % of the weights\n", format,
               100.0 * static_cast<double>(values) / static_cast<double>(all));
  }
  if (measured) {
    fmt::print("{:<14}{:.5f} nats a token: the sum of what single matrices cost\n", "predicted",
               result.loss);
  } else {
    fmt::print("{:<14}{:.3e} of the squared weights lost; --calibrate measures divergence\n",
               "predicted", result.loss);
  }
  fmt::print("{:<14}{:.3f} MB of tensors\n", "size", megabytes(result.bytes));
}

void print_quantize_text(const compress::QuantizeReport& report, const std::string& out) {
  for (const auto& [format, count] : report.modules) {
    fmt::print("{:<14}{} modules\n", format, count);
  }
  fmt::print("{:<14}{:.2f} bits a weight in them, {:.2f} in the whole model\n", "density",
             bits_per_value(report.quantized_bytes, report.quantized_values),
             bits_per_value(report.bytes_after, report.values));
  fmt::print(
      "{:<14}{:.1f} MB before, {:.1f} MB after ({:.1f} %)\n", "tensors",
      megabytes(report.bytes_before), megabytes(report.bytes_after),
      100.0 * static_cast<double>(report.bytes_after) / static_cast<double>(report.bytes_before));
  if (report.scaling) {
    fmt::print(
        "{:<14}{} of {} groups by activations; {:.4e} of the products' squares lost before, "
        "{:.4e} after\n",
        "scaled", report.scaling->scaled, report.scaling->groups, report.scaling->error_before,
        report.scaling->error_after);
  }
  fmt::print("{:<14}{}\n", "written", out);
}

void print_quantize_json(const compress::QuantizeReport& report, const std::string& in,
                         const std::string& out) {
  json kept = json::array();
  for (const compress::Kept& group : report.kept) {
    kept.push_back({{"reason", group.reason}, {"tensors", group.names}, {"bytes", group.bytes}});
  }
  json document = {
      {"in", in},
      {"out", out},
      {"modules", report.modules},
      {"bits_per_weight", bits_per_value(report.quantized_bytes, report.quantized_values)},
      {"model_bits_per_weight", bits_per_value(report.bytes_after, report.values)},
      {"parameters", report.values},
      {"bytes_before", report.bytes_before},
      {"bytes_after", report.bytes_after},
      {"kept", kept},
      {"fallbacks", report.fallbacks}};
  if (report.scaling) {
    document["activation_scaling"] = {{"groups", report.scaling->groups},
                                      {"scaled", report.scaling->scaled},
                                      {"error_before", report.scaling->error_before},
                                      {"error_after", report.scaling->error_after}};
  }
  fmt::print("{}\n", document.dump(2, ' ', false, json::error_handler_t::replace));
}

}  // namespace tarn::cli
