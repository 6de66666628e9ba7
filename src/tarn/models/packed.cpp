#include "tarn/models/packed.h"

#include <algorithm>
#include <array>

#include "tarn/base/error.h"
#include "tarn/base/json.h"
#include "tarn/io/quote.h"

namespace tarn {
namespace {

constexpr const char* kRemedy = "write the folder anew with `tarn pack`";
// Far beyond any matrix, and small enough that no size below overflows.
constexpr int64_t max_extent = (int64_t{1} << 31) - 1;

int64_t integer(const json& fields, const char* key, std::string_view tensor) {
  const auto found = fields.find(key);
  if (found == fields.end() || !found->is_number_integer()) {
    fail(ErrorCode::corrupt, "tensor {}: its description lacks the number \"{}\": {}",
         quote(tensor), key, kRemedy);
  }
  // Beyond int64, nlohmann holds an unsigned number.
  const int64_t value = found->is_number_unsigned() && found->get<uint64_t>() > max_extent
                            ? max_extent + 1
                            : found->get<int64_t>();
  if (value < 1 || value > max_extent) {
    fail(ErrorCode::corrupt, "tensor {}: \"{}\" is outside 1 to {}: {}", quote(tensor), key,
         max_extent, kRemedy);
  }
  return value;
}

quant::ScaleType scale_type(const json& fields, std::string_view tensor) {
  const auto found = fields.find("scales");
  const std::string name =
      found != fields.end() && found->is_string() ? found->get<std::string>() : std::string();
  if (name == "F32") return quant::ScaleType::f32;
  if (name == "F16") return quant::ScaleType::f16;
  if (name == "BF16") return quant::ScaleType::bf16;
  if (name == "F8_E8M0") return quant::ScaleType::e8m0;
  if (name == "F8_E4M3") return quant::ScaleType::e4m3;
  fail(ErrorCode::corrupt, "tensor {}: the type of its scales is {}, not F32, F16 or BF16: {}",
       quote(tensor), quote(name), kRemedy);
}

std::string_view name_of(quant::ScaleType type) {
  switch (type) {
    case quant::ScaleType::f32:
      return "F32";
    case quant::ScaleType::f16:
      return "F16";
    case quant::ScaleType::bf16:
      return "BF16";
    case quant::ScaleType::e8m0:
      return "F8_E8M0";
    default:
      return "F8_E4M3";
  }
}

// ScaleKind's, in its order.
constexpr std::array<std::string_view, 3> level_names = {"group", "super", "row"};
// CodeValues', in its order.
constexpr std::array<std::string_view, 5> value_names = {"linear", "table_i8", "table_f16", "e4m3",
                                                         "e5m2"};

// What panels that are not affine say beside it.
void read_kind(const json& fields, quant::PanelFormat& format, std::string_view tensor) {
  const auto text = [&](const char* key) {
    const auto found = fields.find(key);
    return found != fields.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  const auto level = std::find(level_names.begin(), level_names.end(), text("levels"));
  const auto values = std::find(value_names.begin(), value_names.end(), text("values"));
  const std::string bias = text("bias");
  const auto multiplier = fields.find("multiplier");
  const auto offset = fields.find("offset");
  const bool known = level != level_names.end() && values != value_names.end() &&
                     (bias == "mins" || bias == "offset") && multiplier != fields.end() &&
                     multiplier->is_number() && offset != fields.end() &&
                     offset->is_number_unsigned() && offset->get<uint64_t>() <= 128;
  if (!known) {
    fail(ErrorCode::corrupt, "tensor {}: its description names no kind of panels: {}",
         quote(tensor), kRemedy);
  }
  format.scales = static_cast<quant::ScaleKind>(level - level_names.begin());
  format.bias = bias == "mins" ? quant::BiasKind::mins : quant::BiasKind::offset;
  format.offset = static_cast<int>(offset->get<uint64_t>());
  format.multiplier = multiplier->get<float>();
  format.values = static_cast<quant::CodeValues>(values - value_names.begin());
}

}  // namespace

size_t PackedMatrix::panel_bytes() const {
  return quant::packed_size(format, static_cast<size_t>(rows), static_cast<size_t>(columns));
}

size_t PackedMatrix::tensor_bytes() const {
  return (panel_bytes() + packed_alignment - 1) / packed_alignment * packed_alignment;
}

std::string PackedMatrix::description() const {
  json fields = {{"mode", "affine"},
                 {"bits", format.bits},
                 {"group_size", format.group_size},
                 {"scales", name_of(format.scale_type)},
                 {"rows", rows},
                 {"columns", columns}};
  if (format.bias != quant::BiasKind::stored) {
    fields["mode"] = "panels";
    fields["levels"] = level_names[static_cast<size_t>(format.scales)];
    fields["bias"] = format.bias == quant::BiasKind::mins ? "mins" : "offset";
    fields["offset"] = format.offset;
    fields["values"] = value_names[static_cast<size_t>(format.values)];
    fields["multiplier"] = format.multiplier;
  }
  return fields.dump();
}

bool is_packed(const Checkpoint& checkpoint) {
  const auto found = checkpoint.metadata().find(packed_layout_key);
  if (found == checkpoint.metadata().end()) return false;
  if (found->second != packed_layout) {
    fail(
        ErrorCode::unsupported,
        "{}: it is packed in the layout {}, this version of tarn knows {}; pack the original model "
        "again",
        checkpoint.path().string(), quote(found->second), packed_layout);
  }
  return true;
}

PackedMatrix parse_packed_matrix(std::string_view description, size_t tensor_bytes,
                                 std::string_view tensor) {
  const json fields = parse_json(description, fmt::format("tensor {}", quote(tensor)), 2);
  const json mode = fields.is_object() ? fields.value("mode", json()) : json();
  if (mode != "affine" && mode != "panels") {
    fail(ErrorCode::corrupt, "tensor {}: its description is not that of panels: {}", quote(tensor),
         kRemedy);
  }
  PackedMatrix matrix;
  matrix.rows = integer(fields, "rows", tensor);
  matrix.columns = integer(fields, "columns", tensor);
  matrix.format = {static_cast<int>(integer(fields, "bits", tensor)),
                   static_cast<int>(integer(fields, "group_size", tensor)),
                   scale_type(fields, tensor)};
  if (mode == "panels") read_kind(fields, matrix.format, tensor);
  size_t expected = 0;
  try {
    expected = matrix.tensor_bytes();
  } catch (const Error& error) {
    fail(ErrorCode::corrupt, "tensor {}: {}: {}", quote(tensor), error.what(), kRemedy);
  }
  if (expected != tensor_bytes) {
    fail(ErrorCode::corrupt, "tensor {}: panels of {} x {} in {} bits take {} bytes, it has {}: {}",
         quote(tensor), matrix.rows, matrix.columns, matrix.format.bits, expected, tensor_bytes,
         kRemedy);
  }
  return matrix;
}

PackedMatrix packed_matrix(const Checkpoint& checkpoint, const TensorInfo& panels) {
  const auto description = checkpoint.metadata().find(panels.name);
  if (!is_packed(checkpoint) || description == checkpoint.metadata().end()) {
    fail(ErrorCode::corrupt, "{}: nothing describes the panels in tensor {}: {}",
         checkpoint.path().string(), quote(panels.name), kRemedy);
  }
  if (panels.type != StorageType::u8) {
    fail(ErrorCode::corrupt, "{}: tensor {} holds {}, panels are U8: {}",
         checkpoint.path().string(), quote(panels.name), storage_type_name(panels.type), kRemedy);
  }
  if (reinterpret_cast<uintptr_t>(panels.bytes.data()) % quant::panel_alignment != 0) {
    fail(ErrorCode::corrupt, "{}: tensor {} does not begin at a multiple of {} bytes: {}",
         checkpoint.path().string(), quote(panels.name), quant::panel_alignment, kRemedy);
  }
  return parse_packed_matrix(description->second, panels.bytes.size(), panels.name);
}

}  // namespace tarn
