#include "tarn/compress/quantize.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <set>

#include "tarn/base/error.h"
#include "tarn/base/file.h"
#include "tarn/base/team.h"
#include "tarn/compress/error_feedback.h"
#include "tarn/compress/hessian.h"
#include "tarn/compress/matrix_source.h"
#include "tarn/compress/model_folder.h"
#include "tarn/compress/module_plan.h"
#include "tarn/compress/quantized_config.h"
#include "tarn/io/quote.h"
#include "tarn/io/safetensors_writer.h"
#include "tarn/models/stored_matrix.h"
#include "tarn/ops/coded.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/reduce.h"

namespace tarn::compress {
namespace {

namespace fs = std::filesystem;

std::vector<quant::Part> parts_of(const PlannedTensor& planned) {
  const TensorInfo& info = *planned.info;
  return codec_of(*planned.format, info.type)
      ->parts(static_cast<size_t>(info.shape[0]), static_cast<size_t>(info.shape[1]));
}

std::string part_name(const PlannedTensor& planned, const quant::Part& part) {
  return planned.module + "." + std::string(part.name);
}

std::vector<TensorSpec> specs_of(const std::vector<PlannedTensor>& plan) {
  std::vector<TensorSpec> specs;
  for (const PlannedTensor& planned : plan) {
    const TensorInfo& info = *planned.info;
    if (planned.left_out) continue;
    if (!planned.format) {
      specs.push_back({info.name, info.type, info.shape});
      continue;
    }
    for (const quant::Part& part : parts_of(planned)) {
      std::vector<int64_t> shape{static_cast<int64_t>(part.rows)};
      if (part.columns != 0) shape.push_back(static_cast<int64_t>(part.columns));
      specs.push_back({part_name(planned, part), storage_type(part.type), shape});
    }
  }
  return specs;
}

using Bytes = std::vector<std::vector<std::byte>>;

// The parts of a piece, codes chosen again where there is a factor. Panels are independent: members
// claim them.
Bytes with_feedback(const array& rows, const CodedMatrix& matrix,
                    const std::vector<float>& factor) {
  Bytes bytes;
  std::vector<std::byte*> parts;
  for (const array& part : matrix.parts) {
    const std::span<const std::byte> from = bytes_of(part);
    bytes.emplace_back(from.begin(), from.end());
    parts.push_back(bytes.back().data());
  }
  if (factor.empty()) return bytes;
  std::vector<float> weights = rows.to_vector<float>();
  const auto count = static_cast<size_t>(matrix.rows);
  const auto columns = static_cast<size_t>(matrix.columns);
  std::atomic<size_t> next{0};
  Team::instance().run([&](int) {
    while (true) {
      const size_t row = next.fetch_add(quant::panel_rows, std::memory_order_relaxed);
      if (row >= count) return;
      feed_back_errors(*matrix.codec, count, columns, factor, row, weights.data() + row * columns,
                       parts);
    }
  });
  return bytes;
}

// What is done to the weights, and what is known of their inputs.
struct Measures {
  const Importance* importance = nullptr;
  ActivationScaling scaling;
  Hessians* hessians = nullptr;
};

Dtype dtype_of(const TensorInfo& info) {
  if (info.type == StorageType::f16) return Dtype::f16;
  return info.type == StorageType::bf16 ? Dtype::bf16 : Dtype::f32;
}

const std::vector<float>* find(const std::map<std::string, std::vector<float>>& scales,
                               const std::string& name) {
  const auto found = scales.find(name);
  return found == scales.end() ? nullptr : &found->second;
}

class Work {
 public:
  Work(CheckpointWriter& writer, uint64_t total, const QuantizeOptions& options,
       const Measures& measures)
      : writer_(writer), total_(total), options_(options), measures_(measures) {}

  void copy(const PlannedTensor& planned) {
    const TensorInfo& info = *planned.info;
    const MatrixScales scales = scales_of(planned);
    if (const std::vector<float>* vector = find(measures_.scaling.vectors, info.name)) {
      append(info, array(*vector, {info.shape[0]}));
    } else if (scales.columns != nullptr || scales.rows != nullptr) {
      const int64_t step = std::max<int64_t>(1, copied_values / info.shape[1]);
      for (int64_t first = 0; first < info.shape[0]; first += step) {
        append(info, scaled_rows(info, first, std::min(first + step, info.shape[0]), scales));
      }
    } else {
      writer_.append(info.name, info.bytes);
    }
    advance(info.bytes.size());
  }

  void quantize(const PlannedTensor& planned) {
    const TensorInfo& info = *planned.info;
    const auto codec = codec_of(*planned.format, info.type);
    const std::vector<quant::Part> parts = parts_of(planned);
    const uint64_t row_bytes = info.bytes.size() / static_cast<uint64_t>(info.shape[0]);
    const std::vector<float> factor = factor_of(planned);
    encode_in_pieces(
        info, codec, importance_of(planned),
        [&](const array& rows, const CodedMatrix& matrix) {
          const Bytes pieces = with_feedback(rows, matrix, factor);
          for (size_t i = 0; i < parts.size(); ++i) {
            writer_.append(part_name(planned, parts[i]), pieces[i]);
          }
          advance(static_cast<uint64_t>(rows.shape(0)) * row_bytes);
        },
        scales_of(planned));
  }

 private:
  static constexpr int64_t copied_values = int64_t{1} << 22;

  void append(const TensorInfo& info, const array& values) {
    const array stored = astype(values, dtype_of(info));
    eval({stored});
    writer_.append(info.name, bytes_of(stored));
  }
  MatrixScales scales_of(const PlannedTensor& planned) const {
    return {find(measures_.scaling.columns, planned.module),
            find(measures_.scaling.rows, planned.module)};
  }
  void advance(uint64_t bytes) {
    done_ += bytes;
    if (options_.progress) options_.progress(done_, total_);
  }
  std::optional<array> importance_of(const PlannedTensor& planned) const {
    if (measures_.importance == nullptr) return std::nullopt;
    const std::vector<float> weights = measures_.importance->weights_of(planned.module);
    if (weights.empty()) return std::nullopt;
    return array(weights, {planned.info->shape[1]});
  }
  // Empty: no errors are fed back.
  std::vector<float> factor_of(const PlannedTensor& planned) const {
    if (measures_.hessians == nullptr) return {};
    std::vector<float> hessian = measures_.hessians->of(planned.module);
    if (hessian.empty()) return {};
    const auto columns = static_cast<size_t>(planned.info->shape[1]);
    if (const std::vector<float>* scales = find(measures_.scaling.columns, planned.module)) {
      for (size_t i = 0; i < hessian.size(); ++i) {
        hessian[i] /= (*scales)[i / columns] * (*scales)[i % columns];
      }
    }
    return feedback_factor(hessian, columns);
  }
  CheckpointWriter& writer_;
  uint64_t total_;
  uint64_t done_ = 0;
  const QuantizeOptions& options_;
  const Measures& measures_;
};

// "model.layers.17.mlp.up_proj.weight" as "model.layers.*.mlp.up_proj.weight".
std::string without_numbers(std::string_view name) {
  std::string result;
  while (!name.empty()) {
    const size_t end = std::min(name.find('.'), name.size());
    const std::string_view part = name.substr(0, end);
    const bool number = !part.empty() && part.find_first_not_of("0123456789") == part.npos;
    result += number ? "*" : std::string(part);
    if (end < name.size()) result += '.';
    name.remove_prefix(std::min(end + 1, name.size()));
  }
  return result;
}

void note_kept(std::vector<Kept>& kept, const PlannedTensor& planned) {
  auto found = std::find_if(kept.begin(), kept.end(),
                            [&](const Kept& group) { return group.reason == planned.reason; });
  if (found == kept.end()) {
    kept.push_back({planned.reason, {}, 0});
    found = kept.end() - 1;
  }
  ++found->names[without_numbers(planned.info->name)];
  found->bytes += planned.info->bytes.size();
}

QuantizeReport report_of(const std::vector<PlannedTensor>& plan, const Recipe& recipe) {
  QuantizeReport report;
  std::set<const Rule*> used;
  for (const PlannedTensor& planned : plan) {
    const TensorInfo& info = *planned.info;
    report.bytes_before += info.bytes.size();
    if (planned.by_rule) used.insert(recipe.rule_of(planned.module));
    if (planned.left_out) {
      report.warnings.push_back(
          fmt::format("{} is left out: config.json ties it to the embedding", quote(info.name)));
      continue;
    }
    report.values += info.element_count();
    if (!planned.format) {
      report.bytes_after += info.bytes.size();
      if (planned.fallback) {
        report.fallbacks.push_back(fmt::format("{}: {}", planned.module, planned.reason));
      } else {
        note_kept(report.kept, planned);
      }
      continue;
    }
    const uint64_t values = info.element_count();
    uint64_t bytes = 0;
    for (const quant::Part& part : parts_of(planned)) bytes += part.bytes();
    ++report.modules[format_text(*planned.format)];
    report.quantized_values += values;
    report.quantized_bytes += bytes;
    report.bytes_after += bytes;
  }
  for (const Rule& rule : recipe.rules) {
    if (used.contains(&rule) || rule.named) continue;
    report.warnings.push_back(
        fmt::format("rule {} decided nothing: no linear layer or embedding matches it, or later "
                    "rules cover all that do",
                    quote(rule.pattern)));
  }
  return report;
}

void check_free_codes(const std::vector<PlannedTensor>& plan) {
  for (const PlannedTensor& planned : plan) {
    if (!planned.format) continue;
    if (codec_of(*planned.format, planned.info->type)->free_code_bits() != 0) continue;
    fail(ErrorCode::invalid_argument,
         "error feedback (--gptq): {} is to be {}, whose scales are not set before its codes; take "
         "affine, lut, q4_0, q4_1, q5_0, q5_1, q8_0, iq4_nl, q4_k, q5_k or iq4_xs",
         quote(planned.module), format_text(*planned.format));
  }
}

// Of another model, or of this one in another shape: its numbers would say nothing.
void check_importance(const Importance& importance, const std::vector<PlannedTensor>& plan,
                      QuantizeReport& report) {
  std::vector<std::string> without;
  for (const PlannedTensor& planned : plan) {
    if (!planned.format) continue;
    const auto found = importance.mean_squares.find(planned.module);
    if (found == importance.mean_squares.end()) {
      // An embedding is looked up, not multiplied with.
      if (!planned.module.ends_with("embed_tokens")) without.push_back(planned.module);
      continue;
    }
    const auto columns = static_cast<size_t>(planned.info->shape[1]);
    if (found->second.size() == columns) continue;
    fail(ErrorCode::invalid_argument,
         "importance: {} has {} inputs and the importance {}: it was collected from another model; "
         "collect it from this one with --calibrate",
         quote(planned.module), columns, found->second.size());
  }
  if (without.empty()) return;
  report.warnings.push_back(
      fmt::format("the importance does not cover {} modules, {} among them: all their inputs count "
                  "alike",
                  without.size(), quote(without.front())));
}

// Floats by groups: their scale is the range of the group, and codes are the nearest.
bool ignores_importance(const quant::Format& format) {
  using quant::FormatMode;
  return format.mode == FormatMode::mxfp4 || format.mode == FormatMode::mxfp8 ||
         format.mode == FormatMode::nvfp4 || format.mode == FormatMode::fp8;
}

void note_formats_without_importance(const std::vector<PlannedTensor>& plan,
                                     QuantizeReport& report) {
  std::set<std::string> formats;
  for (const PlannedTensor& planned : plan) {
    if (planned.format && ignores_importance(*planned.format)) {
      formats.insert(format_text(*planned.format));
    }
  }
  for (const std::string& format : formats) {
    report.warnings.push_back(fmt::format(
        "{}: calibration does not change how it rounds: its scales follow from the weights alone",
        format));
  }
}

void write_model(const fs::path& in, const fs::path& out, const std::vector<PlannedTensor>& plan,
                 const std::string& config_text, uint64_t total, const QuantizeOptions& options,
                 ActivationScaling scaling) {
  std::optional<Hessians> hessians;
  if (options.feedback != nullptr) hessians.emplace(in, *options.feedback, plan);
  std::optional<Importance> importance;
  if (options.importance != nullptr) importance = scaling.scaled(*options.importance);
  CheckpointWriter writer(out, specs_of(plan));
  const Measures measures{importance ? &*importance : nullptr, std::move(scaling),
                          hessians ? &*hessians : nullptr};
  Work work(writer, total, options, measures);
  for (const PlannedTensor& planned : plan) {
    if (planned.left_out) continue;
    if (planned.format) {
      work.quantize(planned);
    } else {
      work.copy(planned);
    }
  }
  writer.finish();
  copy_side_files(in, out);
  write_file(out / config_name, config_text);
}

}  // namespace

QuantizeReport quantize_model(const fs::path& in, const fs::path& out, const Recipe& recipe,
                              const QuantizeOptions& options) {
  check_folders(in, out);
  const std::string source = read_dense_config(in);
  const ModelConfig config = parse_model_config(source, (in / config_name).string());
  const Checkpoint checkpoint = Checkpoint::open(in);
  std::vector<PlannedTensor> plan = plan_modules(checkpoint, config, recipe);
  settle_misfits(plan, options.allow_fallback);
  QuantizeReport report = report_of(plan, recipe);
  for (const std::string& warning : checkpoint.warnings()) report.warnings.push_back(warning);
  if (report.modules.empty()) {
    fail(ErrorCode::invalid_argument,
         "{}: nothing to quantize: no linear layer or embedding fits the recipe; take a smaller "
         "group or other rules",
         in.string());
  }
  if (options.feedback != nullptr) check_free_codes(plan);
  if (options.importance != nullptr) {
    check_importance(*options.importance, plan, report);
    note_formats_without_importance(plan, report);
  }
  ActivationScaling scaling;
  if (options.scale_activations) {
    if (options.importance == nullptr) {
      fail(ErrorCode::invalid_argument,
           "scaling by activations (--awq) needs their importance: give --calibrate or "
           "--importance");
    }
    scaling = search_scales(scale_groups(checkpoint, config, plan), *options.importance,
                            report.scaling.emplace(), options.scaling_progress);
  }
  const std::string config_text = quantized_config(source, plan, recipe, config);
  const bool made_here = !fs::exists(out);
  try {
    write_model(in, out, plan, config_text, report.bytes_before, options, std::move(scaling));
  } catch (...) {
    std::error_code ignored;
    if (made_here) fs::remove(out, ignored);  // only when it is still empty
    throw;
  }
  return report;
}

}  // namespace tarn::compress
