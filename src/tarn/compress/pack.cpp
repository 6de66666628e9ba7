#include "tarn/compress/pack.h"

#include <algorithm>
#include <cstring>
#include <limits>
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
#include "tarn/ops/quantized.h"

namespace tarn::compress {
namespace {

namespace fs = std::filesystem;
using Advance = std::function<void(uint64_t)>;

constexpr uint64_t kPieceBytes = uint64_t{16} << 20;

// A quantized matrix of the input.
struct Module {
  std::string name;
  const TensorInfo* codes;
  const TensorInfo* scales;
  const TensorInfo* biases;
  PackedMatrix packed;

  std::string tensor_name() const { return name + std::string(packed_suffix); }
};

struct Plan {
  std::vector<Module> modules;
  std::vector<const TensorInfo*> others;
};

std::optional<Dtype> scale_dtype(StorageType type) {
  if (type == StorageType::f32) return Dtype::f32;
  if (type == StorageType::f16) return Dtype::f16;
  if (type == StorageType::bf16) return Dtype::bf16;
  return std::nullopt;
}

quant::ScaleType scale_type(Dtype dtype) {
  if (dtype == Dtype::f16) return quant::ScaleType::f16;
  return dtype == Dtype::bf16 ? quant::ScaleType::bf16 : quant::ScaleType::f32;
}

Module plan_module(const std::string& name, const QuantizationFormat& format,
                   const Checkpoint& checkpoint) {
  if (format.mode != "affine") {
    fail(ErrorCode::unsupported, "{}: quantization mode {} cannot be packed; affine can",
         quote(name), quote(format.mode));
  }
  Module module{name,
                &checkpoint.tensor(name + ".weight"),
                &checkpoint.tensor(name + ".scales"),
                &checkpoint.tensor(name + ".biases"),
                {}};
  const auto& codes = module.codes->shape;
  const std::optional<Dtype> dtype = scale_dtype(module.scales->type);
  // Bits beyond those of panels are refused here, before anything is divided by them.
  quant::check_affine({static_cast<int>(format.bits), static_cast<int>(format.group_size)}, 0);
  const bool matrix = module.codes->type == StorageType::u32 && codes.size() == 2 && dtype &&
                      codes[0] > 0 && codes[1] > 0 && codes[1] % format.bits == 0 &&
                      codes[1] <= std::numeric_limits<int32_t>::max();
  const int64_t columns = matrix ? codes[1] / format.bits * 32 : 0;
  const std::vector<int64_t> groups =
      matrix ? std::vector<int64_t>{codes[0], columns / format.group_size} : std::vector<int64_t>{};
  if (!matrix || columns % format.group_size != 0 || module.scales->shape != groups ||
      module.biases->shape != groups || module.biases->type != module.scales->type) {
    fail(ErrorCode::corrupt,
         "{}: codes {} and scales {} do not make a matrix of {} bits in groups of {}: download or "
         "convert the model again",
         quote(name), shape_text(codes), shape_text(module.scales->shape), format.bits,
         format.group_size);
  }
  module.packed = {
      {static_cast<int>(format.bits), static_cast<int>(format.group_size), scale_type(*dtype)},
      codes[0],
      columns};
  return module;
}

Plan make_plan(const Checkpoint& checkpoint, const QuantizationConfig& quantization) {
  constexpr std::string_view suffix = ".scales";
  Plan plan;
  std::set<const TensorInfo*> taken;
  for (const TensorInfo* info : checkpoint.tensors()) {
    if (!info->name.ends_with(suffix)) continue;
    const std::string name = info->name.substr(0, info->name.size() - suffix.size());
    const std::optional<QuantizationFormat> format = quantization.of(name);
    if (!format) continue;
    plan.modules.push_back(plan_module(name, *format, checkpoint));
    const Module& module = plan.modules.back();
    taken.insert({module.codes, module.scales, module.biases});
  }
  for (const TensorInfo* info : checkpoint.tensors()) {
    if (!taken.contains(info)) plan.others.push_back(info);
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
  for (const Module& module : plan.modules) {
    specs.push_back({module.tensor_name(),
                     StorageType::u8,
                     {static_cast<int64_t>(module.packed.tensor_bytes())},
                     packed_alignment});
  }
  for (const TensorInfo* info : plan.others) {
    specs.push_back({info->name, is_widened(*info) ? StorageType::f32 : info->type, info->shape});
  }
  return specs;
}

SafetensorsMetadata metadata_of(const Plan& plan) {
  SafetensorsMetadata metadata{{"format", "tarn"}, {packed_layout_key, packed_layout}};
  for (const Module& module : plan.modules) {
    metadata[module.tensor_name()] = module.packed.description();
  }
  return metadata;
}

// Rows [first, last) of a matrix, read from the file in place where they are aligned.
array rows_of(const TensorInfo& info, Dtype dtype, int64_t first, int64_t last) {
  const auto row_bytes = info.bytes.size() / static_cast<size_t>(info.shape[0]);
  const auto bytes = info.bytes.subspan(static_cast<size_t>(first) * row_bytes,
                                        static_cast<size_t>(last - first) * row_bytes);
  const Shape shape = {last - first, info.shape[1]};
  if (info.aligned()) return {memory::borrow(bytes.data(), bytes.size(), info.owner), shape, dtype};
  auto buffer = memory::allocate(bytes.size());
  std::memcpy(buffer->data(), bytes.data(), bytes.size());
  return {std::move(buffer), shape, dtype};
}

void write_module(SafetensorsWriter& writer, const Module& module, const Advance& advance) {
  const PackedMatrix& packed = module.packed;
  const Dtype dtype = scale_dtype(module.scales->type).value();
  const size_t stride = quant::panel_stride(packed.format, static_cast<size_t>(packed.columns));
  const auto panels = static_cast<int64_t>(std::max<uint64_t>(1, kPieceBytes / stride));
  const int64_t step = panels * quant::panel_rows;
  for (int64_t first = 0; first < packed.rows; first += step) {
    const int64_t last = std::min(first + step, packed.rows);
    const AffineMatrix rows{rows_of(*module.codes, Dtype::u32, first, last),
                            rows_of(*module.scales, dtype, first, last),
                            rows_of(*module.biases, dtype, first, last), packed.format.bits,
                            packed.format.group_size};
    const PanelArray piece = pack_panels(rows);
    eval({piece.panels});
    writer.append(module.tensor_name(),
                  std::as_bytes(std::span(piece.panels.data<uint8_t>(), piece.panels.nbytes())));
    advance(rows.codes.nbytes() + rows.scales.nbytes() + rows.biases.nbytes());
  }
  const std::vector<std::byte> padding(packed.tensor_bytes() - packed.panel_bytes());
  writer.append(module.tensor_name(), padding);
  for (const TensorInfo* info : {module.codes, module.scales, module.biases}) {
    info->owner->release(info->bytes);
  }
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
  for (const Module& module : plan.modules) write_module(writer, module, advance);
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
