#include "tarn/compress/quantize.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include "tarn/base/error.h"
#include "tarn/base/file.h"
#include "tarn/base/json.h"
#include "tarn/compress/model_folder.h"
#include "tarn/compress/module_plan.h"
#include "tarn/io/quote.h"
#include "tarn/io/safetensors_writer.h"
#include "tarn/memory/pool.h"
#include "tarn/models/quantization_json.h"
#include "tarn/models/stored_matrix.h"
#include "tarn/ops/coded.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/reduce.h"

namespace tarn::compress {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kPieceValues = int64_t{1} << 22;  // 16 MiB as float32

// Written where the top-level object of config.json closes.
constexpr std::array kConfigKeys{"quantization", "quantization_config"};

std::string read_config(const fs::path& in) {
  std::string text = read_file(in / config_name, uint64_t{64} << 20);
  const json config = parse_json(text, (in / config_name).string(), 64, true);
  for (const char* key : kConfigKeys) {
    if (config.is_object() && config.contains(key)) {
      fail(ErrorCode::invalid_argument,
           "{}: \"{}\" says that the model is quantized already: quantize the original model",
           (in / config_name).string(), key);
    }
  }
  return text;
}

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

std::span<const std::byte> bytes_of(const array& a) {
  return dispatch(a.dtype(), [&](auto type) {
    return std::as_bytes(std::span(a.data<decltype(type)>(), static_cast<size_t>(a.size())));
  });
}

Dtype dtype_of_storage(StorageType type) {
  if (type == StorageType::f16) return Dtype::f16;
  return type == StorageType::bf16 ? Dtype::bf16 : Dtype::f32;
}

// Rows [first, last) of a matrix, read from the file in place where they are aligned.
array rows_of(const TensorInfo& info, int64_t first, int64_t last) {
  const auto row_bytes = info.bytes.size() / static_cast<size_t>(info.shape[0]);
  const auto bytes = info.bytes.subspan(static_cast<size_t>(first) * row_bytes,
                                        static_cast<size_t>(last - first) * row_bytes);
  const Shape shape = {last - first, info.shape[1]};
  const Dtype dtype = dtype_of_storage(info.type);
  if (info.aligned()) return {memory::borrow(bytes.data(), bytes.size(), info.owner), shape, dtype};
  auto buffer = memory::allocate(bytes.size());
  std::memcpy(buffer->data(), bytes.data(), bytes.size());
  return {std::move(buffer), shape, dtype};
}

void check_finite(const array& weights, const std::string& name) {
  if (all(isfinite(weights)).item<bool>()) return;
  fail(ErrorCode::corrupt,
       "tensor {}: holds NaN or infinite weights, which no code can stand for: the checkpoint is "
       "broken, download or convert it again",
       quote(name));
}

class Work {
 public:
  Work(CheckpointWriter& writer, uint64_t total,
       const std::function<void(uint64_t, uint64_t)>& progress)
      : writer_(writer), total_(total), progress_(progress) {}

  void copy(const TensorInfo& info) {
    writer_.append(info.name, info.bytes);
    advance(info.bytes.size());
  }

  void quantize(const PlannedTensor& planned) {
    const TensorInfo& info = *planned.info;
    const int64_t rows = info.shape[0];
    const auto codec = codec_of(*planned.format, info.type);
    const std::vector<quant::Part> parts = parts_of(planned);
    const auto whole = static_cast<int64_t>(codec->piece_rows());
    const int64_t fit = std::max<int64_t>(1, kPieceValues / info.shape[1]);
    const int64_t step = whole == 0 ? rows : (fit + whole - 1) / whole * whole;
    for (int64_t first = 0; first < rows; first += step) {
      const array piece = rows_of(info, first, std::min(first + step, rows));
      check_finite(piece, info.name);
      const CodedMatrix matrix = encode(piece, codec);
      eval(matrix.parts);
      for (size_t i = 0; i < parts.size(); ++i) {
        writer_.append(part_name(planned, parts[i]), bytes_of(matrix.parts[i]));
      }
      advance(piece.nbytes());
    }
  }

 private:
  void advance(uint64_t bytes) {
    done_ += bytes;
    if (progress_) progress_(done_, total_);
  }
  CheckpointWriter& writer_;
  uint64_t total_;
  uint64_t done_ = 0;
  const std::function<void(uint64_t, uint64_t)>& progress_;
};

ordered_json quantization_json(const std::vector<PlannedTensor>& plan, const Recipe& recipe,
                               const ModelConfig& config) {
  ordered_json result = tarn::quantization_json(recipe.format);
  for (const PlannedTensor& planned : plan) {
    if (!planned.by_rule) continue;
    if (planned.format == recipe.format) continue;
    // Under the tensor's path and under the one that mlx-lm's loader turns it into.
    for (const std::string& path : {planned.module, mlx_module_path(planned.module, config)}) {
      ordered_json& entry = result[path];
      entry = planned.format ? tarn::quantization_json(*planned.format) : ordered_json(false);
      // The default, which older readers do not expect here.
      if (entry.is_object() && entry["mode"] == "affine") entry.erase("mode");
    }
  }
  return result;
}

// The source's own text with the two entries added behind its last: whatever else stands there,
// numbers that JSON does not know among it, stays as it is.
std::string quantized_config(const std::string& source, const ordered_json& quantization) {
  const size_t close = source.find_last_of('}');
  const size_t last = source.find_last_not_of(" \t\r\n", close - 1);
  std::string text = source.substr(0, last + 1);
  for (const char* key : kConfigKeys) {
    const ordered_json entry = {{key, quantization}};
    const std::string lines = entry.dump(2);  // "{\n  "key": ...\n}"
    text += ",\n" + lines.substr(2, lines.size() - 4);
  }
  return text + "\n}\n";
}

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
      note_kept(report.kept, planned);
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

void write_model(const fs::path& in, const fs::path& out, const std::vector<PlannedTensor>& plan,
                 const std::string& config_text, uint64_t total,
                 const std::function<void(uint64_t, uint64_t)>& progress) {
  CheckpointWriter writer(out, specs_of(plan));
  Work work(writer, total, progress);
  for (const PlannedTensor& planned : plan) {
    if (planned.left_out) continue;
    if (planned.format) {
      work.quantize(planned);
    } else {
      work.copy(*planned.info);
    }
  }
  writer.finish();
  copy_side_files(in, out);
  write_file(out / config_name, config_text);
}

}  // namespace

QuantizeReport quantize_model(const fs::path& in, const fs::path& out, const Recipe& recipe,
                              const std::function<void(uint64_t, uint64_t)>& progress) {
  check_folders(in, out);
  const std::string source = read_config(in);
  const ModelConfig config = parse_model_config(source, (in / config_name).string());
  const Checkpoint checkpoint = Checkpoint::open(in);
  const std::vector<PlannedTensor> plan = plan_modules(checkpoint, config, recipe);
  QuantizeReport report = report_of(plan, recipe);
  for (const std::string& warning : checkpoint.warnings()) report.warnings.push_back(warning);
  if (report.modules.empty()) {
    fail(ErrorCode::invalid_argument,
         "{}: nothing to quantize: no linear layer or embedding fits the recipe; take a smaller "
         "group or other rules",
         in.string());
  }
  const std::string config_text = quantized_config(source, quantization_json(plan, recipe, config));
  const bool made_here = !fs::exists(out);
  try {
    write_model(in, out, plan, config_text, report.bytes_before, progress);
  } catch (...) {
    std::error_code ignored;
    if (made_here) fs::remove(out, ignored);  // only when it is still empty
    throw;
  }
  return report;
}

}  // namespace tarn::compress
