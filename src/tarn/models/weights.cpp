#include "tarn/models/weights.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>

#include "tarn/base/error.h"
#include "tarn/base/log.h"
#include "tarn/memory/pool.h"
#include "tarn/models/model_files.h"
#include "tarn/models/packed.h"
#include "tarn/ops/elementwise.h"

namespace tarn {
namespace {

constexpr std::array<std::string_view, 6> prefixes = {
    "model.",      "", "model.language_model.", "language_model.model.", "language_model.",
    "model.model."};

Shape shape_of(const TensorInfo& info) {
  Shape shape;
  if (info.shape.size() > static_cast<size_t>(max_rank)) {
    fail(ErrorCode::unsupported, "tensor \"{}\": {} dimensions, at most {} are supported",
         info.name, info.shape.size(), max_rank);
  }
  for (const int64_t extent : info.shape) shape.push_back(extent);
  return shape;
}

Dtype dtype_of_storage(const TensorInfo& info) {
  switch (info.type) {
    case StorageType::f64:
      return Dtype::f64;
    case StorageType::f32:
      return Dtype::f32;
    case StorageType::f16:
      return Dtype::f16;
    case StorageType::bf16:
      return Dtype::bf16;
    case StorageType::i64:
      return Dtype::i64;
    case StorageType::i32:
      return Dtype::i32;
    case StorageType::i16:
      return Dtype::i16;
    case StorageType::i8:
      return Dtype::i8;
    case StorageType::u64:
      return Dtype::u64;
    case StorageType::u32:
      return Dtype::u32;
    case StorageType::u16:
      return Dtype::u16;
    case StorageType::u8:
    case StorageType::boolean:
      return Dtype::u8;
    case StorageType::f8_e4m3:
      return Dtype::bf16;
    default:
      fail(ErrorCode::unsupported, "tensor \"{}\": type {} is not supported", info.name,
           storage_type_name(info.type));
  }
}

std::vector<std::shared_ptr<const MappedFile>> mapped_files(const Checkpoint& checkpoint) {
  std::vector<std::shared_ptr<const MappedFile>> files;
  for (const TensorInfo* info : checkpoint.tensors()) {
    if (files.empty() || files.back() != info->owner) files.push_back(info->owner);
  }
  return files;
}

// What the file has in another form.
array transformed(const TensorInfo& info, const Shape& shape, Dtype dtype) {
  auto buffer = memory::allocate(info.bytes.size());
  memory::count_copied(buffer->size());
  if (info.log_of_negative) {
    if (info.type != StorageType::f32) {
      fail(ErrorCode::unsupported, "tensor \"{}\": it is {}, not F32; convert the model again",
           info.name, storage_type_name(info.type));
    }
    std::memcpy(buffer->data(), info.bytes.data(), info.bytes.size());
    auto* values = reinterpret_cast<float*>(buffer->data());
    for (size_t i = 0; i < info.bytes.size() / sizeof(float); ++i) {
      values[i] = std::log(-values[i]);
    }
  } else {
    const size_t row = info.bytes.size() / info.row_order->size();
    for (size_t i = 0; i < info.row_order->size(); ++i) {
      std::memcpy(buffer->data() + i * row, info.bytes.data() + (*info.row_order)[i] * row, row);
    }
  }
  return {std::move(buffer), shape, dtype};
}

}  // namespace

Weights::Weights(const std::filesystem::path& model, std::optional<QuantizationConfig> quantization)
    : checkpoint_(open_checkpoint(model)),
      read_ahead_(mapped_files(checkpoint_)),
      panels_(checkpoint_.total_bytes()),
      quantization_(std::move(quantization)) {
  for (const std::string& warning : checkpoint_.warnings()) logging::warn("{}", warning);
  is_packed(checkpoint_);  // refuses a layout that it does not know
}

const TensorInfo* Weights::find(std::string_view name) const {
  for (const std::string_view prefix : prefixes) {
    if (const TensorInfo* info = checkpoint_.find(std::string(prefix) + std::string(name))) {
      return info;
    }
  }
  return nullptr;
}

std::string Weights::full_module(std::string_view module) const {
  constexpr std::string_view suffix = ".weight";
  const TensorInfo* info = find(std::string(module) + std::string(suffix));
  return info == nullptr ? std::string(module)
                         : info->name.substr(0, info->name.size() - suffix.size());
}

const TensorInfo& Weights::require(std::string_view name) {
  const TensorInfo* info = find(name);
  if (info == nullptr) {
    fail(ErrorCode::not_found,
         "{}: tensor \"{}\" is missing; the file is incomplete or config.json describes another "
         "model",
         checkpoint_.path().string(), name);
  }
  used_.insert(info->name);
  return checkpoint_.tensor(info->name);
}

array Weights::to_array(const TensorInfo& info) const {
  const Shape shape = shape_of(info);
  const Dtype dtype = dtype_of_storage(info);
  if (info.type == StorageType::f8_e4m3) {
    // Every e4m3 value is a bfloat16 value.
    auto buffer = memory::allocate(info.bytes.size() * sizeof(bfloat16));
    auto* values = reinterpret_cast<bfloat16*>(buffer->data());
    for (size_t i = 0; i < info.bytes.size(); ++i) {
      values[i] = to_bfloat16(to_float(float8_e4m3{static_cast<uint8_t>(info.bytes[i])}));
    }
    memory::count_copied(buffer->size());
    return {std::move(buffer), shape, dtype};
  }
  if (info.row_order || info.log_of_negative) return transformed(info, shape, dtype);
  if (!info.aligned()) {
    auto buffer = memory::allocate(info.bytes.size());
    std::memcpy(buffer->data(), info.bytes.data(), info.bytes.size());
    memory::count_copied(buffer->size());
    return {std::move(buffer), shape, dtype};
  }
  return {memory::borrow(info.bytes.data(), info.bytes.size(), info.owner), shape, dtype};
}

array Weights::get(std::string_view name) { return to_array(require(name)); }

array Weights::get(std::string_view name, const Shape& shape) {
  const TensorInfo& info = require(name);
  if (!(shape_of(info) == shape)) {
    fail(ErrorCode::corrupt,
         "{}: tensor \"{}\" has shape {}, config.json asks for {}; the two do not belong together",
         checkpoint_.path().string(), info.name, to_string(shape_of(info)), to_string(shape));
  }
  return to_array(info);
}

array Weights::get_f32(std::string_view name, const Shape& shape) {
  array stored = get(name, shape);
  if (!is_floating(stored.dtype())) {
    fail(ErrorCode::corrupt,
         "{}: tensor \"{}\" holds {}, a floating type was expected; convert the model again",
         checkpoint_.path().string(), name, tarn::name(stored.dtype()));
  }
  count_parameters(stored.size());
  if (stored.dtype() == Dtype::f32) return stored;
  array converted = astype(stored, Dtype::f32);
  eval({converted});
  memory::count_copied(converted.nbytes());
  return converted;
}

void Weights::finish() {
  if (!panels_.empty()) return panels_.finish();  // what it packed is read
  constexpr uint64_t megabyte = 1000 * 1000;
  Progress progress("loading", read_ahead_.total_bytes() / megabyte, "MB");
  read_ahead_.wait([&](uint64_t bytes) { progress.set(bytes / megabyte); });
}

std::optional<PanelArray> Weights::packed(std::string_view module, int64_t rows, int64_t columns) {
  const std::string name = std::string(module) + std::string(packed_suffix);
  if (!has(name)) return std::nullopt;
  const TensorInfo& info = require(name);
  const PackedMatrix matrix = packed_matrix(checkpoint_, info);
  if (matrix.rows != rows || matrix.columns != columns) {
    fail(ErrorCode::corrupt,
         "{}: tensor \"{}\" holds panels of {} x {}, config.json asks for {} x {}; the two do not "
         "belong together",
         checkpoint_.path().string(), info.name, matrix.rows, matrix.columns, rows, columns);
  }
  const size_t bytes = matrix.panel_bytes();
  return PanelArray{array(memory::borrow(info.bytes.data(), bytes, info.owner),
                          {static_cast<int64_t>(bytes)}, Dtype::u8),
                    matrix.format, rows, columns};
}

std::optional<quant::Format> Weights::format_of(std::string_view module) const {
  if (!quantization_) return std::nullopt;
  for (const std::string_view prefix : prefixes) {
    const std::string full = std::string(prefix) + std::string(module);
    if (has_quantized_weights(checkpoint_, full)) return quantization_->of(full);
  }
  return std::nullopt;
}

StoredMatrix Weights::stored(std::string_view module, const quant::Format& format) {
  constexpr std::string_view suffix = ".weight";
  const TensorInfo& weight = require(std::string(module) + std::string(suffix));
  StoredMatrix matrix =
      stored_matrix(checkpoint_, weight.name.substr(0, weight.name.size() - suffix.size()), format);
  for (const TensorInfo& part : matrix.parts) used_.insert(part.name);
  // Read into the codec, or of no use here: scales for activations, which Tarn measures itself.
  for (const char* side : {".weight_scale_2", ".input_scale"}) {
    if (const TensorInfo* info = checkpoint_.find(matrix.module + side)) used_.insert(info->name);
  }
  return matrix;
}

std::vector<std::string> Weights::unused() const {
  std::map<std::string, int> groups;
  for (const std::string_view name : checkpoint_.names()) {
    if (used_.contains(name)) continue;
    const bool ignored = std::any_of(
        ignored_.begin(), ignored_.end(),
        [&](const std::string& prefix) { return name.substr(0, prefix.size()) == prefix; });
    if (ignored) continue;
    // The first two parts of the name: "model.visual.blocks.3.x" belongs to "model.visual.*".
    const size_t first = name.find('.');
    const size_t second = first == std::string_view::npos ? first : name.find('.', first + 1);
    ++groups[second == std::string_view::npos ? std::string(name)
                                              : std::string(name.substr(0, second)) + ".*"];
  }
  std::vector<std::string> lines;
  for (const auto& [name, count] : groups) {
    lines.push_back(count > 1 ? fmt::format("{} ({} tensors)", name, count) : name);
  }
  return lines;
}

}  // namespace tarn
