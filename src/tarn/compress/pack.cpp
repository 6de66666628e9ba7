#include "tarn/compress/pack.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tarn/base/error.h"
#include "tarn/base/file.h"
#include "tarn/compress/model_folder.h"
#include "tarn/io/quote.h"
#include "tarn/io/safetensors_header.h"
#include "tarn/io/safetensors_writer.h"
#include "tarn/memory/pool.h"
#include "tarn/models/config.h"
#include "tarn/models/packed.h"
#include "tarn/models/stored_matrix.h"

namespace tarn::compress {
namespace {

namespace fs = std::filesystem;
using Advance = std::function<void(uint64_t)>;

constexpr uint64_t kPieceBytes = uint64_t{16} << 20;

std::string tensor_name(const StoredMatrix& matrix) {
  return matrix.module + std::string(packed_suffix);
}

PackedMatrix packed(const StoredMatrix& matrix) {
  return {matrix.codec->panel_format(), matrix.rows, matrix.columns};
}

struct Plan {
  std::vector<StoredMatrix> modules;
  std::vector<const TensorInfo*> others;
};

Plan make_plan(const Checkpoint& checkpoint, const QuantizationConfig& quantization) {
  constexpr std::string_view suffix = ".weight";
  Plan plan;
  std::set<std::string> taken;
  for (const TensorInfo* info : checkpoint.tensors()) {
    if (!info->name.ends_with(suffix)) continue;
    const std::string name = info->name.substr(0, info->name.size() - suffix.size());
    const std::optional<quant::Format> format = quantization.of(name);
    if (!format || !has_quantized_weights(checkpoint, name)) continue;
    plan.modules.push_back(stored_matrix(checkpoint, name, *format));
    for (const TensorInfo& part : plan.modules.back().parts) taken.insert(part.name);
  }
  for (const TensorInfo* info : checkpoint.tensors()) {
    if (!taken.contains(info->name)) plan.others.push_back(info);
  }
  return plan;
}

// Vectors that loading would turn into float32 and hold a second time.
bool is_widened(const TensorInfo& info) {
  return info.shape.size() <= 1 &&
         (info.type == StorageType::f16 || info.type == StorageType::bf16);
}

std::vector<TensorSpec> specs_of(const Plan& plan) {
  std::vector<TensorSpec> specs;
  for (const StoredMatrix& matrix : plan.modules) {
    specs.push_back({tensor_name(matrix),
                     StorageType::u8,
                     {static_cast<int64_t>(packed(matrix).tensor_bytes())},
                     packed_alignment});
  }
  for (const TensorInfo* info : plan.others) {
    specs.push_back({info->name, is_widened(*info) ? StorageType::f32 : info->type, info->shape});
  }
  return specs;
}

SafetensorsMetadata metadata_of(const Plan& plan) {
  SafetensorsMetadata metadata{{"format", "tarn"}, {packed_layout_key, packed_layout}};
  for (const StoredMatrix& matrix : plan.modules) {
    metadata[tensor_name(matrix)] = packed(matrix).description();
  }
  return metadata;
}

void write_module(SafetensorsWriter& writer, const StoredMatrix& matrix, const Advance& advance) {
  const PackedMatrix panels = packed(matrix);
  const size_t stride = quant::panel_stride(panels.format, static_cast<size_t>(panels.columns));
  const auto piece = static_cast<int64_t>(matrix.codec->piece_rows());
  const auto fit =
      static_cast<int64_t>(std::max<uint64_t>(1, kPieceBytes / stride)) * quant::panel_rows;
  const int64_t step = piece == 0 ? panels.rows : (fit + piece - 1) / piece * piece;
  for (int64_t first = 0; first < panels.rows; first += step) {
    const CodedMatrix rows = coded_rows(matrix, first, std::min(first + step, panels.rows));
    const PanelArray packed_rows = pack_panels(rows);
    eval({packed_rows.panels});
    writer.append(tensor_name(matrix), std::as_bytes(std::span(packed_rows.panels.data<uint8_t>(),
                                                               packed_rows.panels.nbytes())));
    uint64_t bytes = 0;
    for (const array& part : rows.parts) bytes += part.nbytes();
    advance(bytes);
  }
  const std::vector<std::byte> padding(panels.tensor_bytes() - panels.panel_bytes());
  writer.append(tensor_name(matrix), padding);
  for (const TensorInfo& info : matrix.parts) info.owner->release(info.bytes);
}

template <typename Half>
std::vector<float> widened(const TensorInfo& info) {
  std::vector<float> values(info.element_count());
  for (size_t i = 0; i < values.size(); ++i) {
    Half value;
    std::memcpy(&value, info.bytes.data() + i * sizeof(value), sizeof(value));
    values[i] = to_float(value);
  }
  return values;
}

void write_other(SafetensorsWriter& writer, const TensorInfo& info, const Advance& advance) {
  if (is_widened(info)) {
    const std::vector<float> values =
        info.type == StorageType::f16 ? widened<float16>(info) : widened<bfloat16>(info);
    writer.append(info.name, std::as_bytes(std::span(values)));
  } else {
    writer.append(info.name, info.bytes);
  }
  advance(info.bytes.size());
  info.owner->release(info.bytes);
}

uint64_t write_model(const fs::path& in, const fs::path& out, const Plan& plan,
                     const std::string& config_text, const Advance& advance) {
  std::error_code error;
  fs::create_directories(out, error);
  if (error) {
    fail(ErrorCode::io, "{}: cannot create the folder: {}: choose another", out.string(),
         error.message());
  }
  // One file, however large: it is mapped, never read whole.
  SafetensorsWriter writer(out / "model.safetensors", specs_of(plan), metadata_of(plan));
  for (const StoredMatrix& matrix : plan.modules) write_module(writer, matrix, advance);
  for (const TensorInfo* info : plan.others) write_other(writer, *info, advance);
  writer.finish();
  copy_side_files(in, out);
  write_file(out / config_name, config_text);
  return writer.file_bytes();
}

}  // namespace

PackReport pack_model(const fs::path& in, const fs::path& out,
                      const std::function<void(uint64_t, uint64_t)>& progress) {
  check_folders(in, out);
  const std::string config_text = read_file(in / config_name, uint64_t{64} << 20);
  const ModelConfig config = parse_model_config(config_text, (in / config_name).string());
  const Checkpoint checkpoint = Checkpoint::open(in);
  if (is_packed(checkpoint)) {
    fail(ErrorCode::invalid_argument, "{}: it is packed already; use it as it is", in.string());
  }
  const Plan plan = config.quantization ? make_plan(checkpoint, *config.quantization) : Plan{};
  if (plan.modules.empty()) {
    fail(ErrorCode::invalid_argument,
         "{}: it has no quantized weights, and others are used in place without packing; quantize "
         "it first with `tarn quantize`",
         in.string());
  }
  PackReport report;
  report.matrices = plan.modules.size();
  report.bytes_before = checkpoint.total_bytes();
  uint64_t done = 0;
  const Advance advance = [&](uint64_t bytes) {
    done += bytes;
    if (progress) progress(done, report.bytes_before);
  };
  const bool made_here = !fs::exists(out);
  try {
    report.bytes_after = write_model(in, out, plan, config_text, advance);
  } catch (...) {
    std::error_code ignored;
    if (made_here) fs::remove(out, ignored);  // only when it is still empty
    throw;
  }
  return report;
}

}  // namespace tarn::compress
