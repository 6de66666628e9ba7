#include "tarn/quant/panel.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "tarn/base/error.h"

namespace tarn::quant {
namespace {

static_assert(sizeof(float) == 4 && sizeof(float16) == 2 && sizeof(bfloat16) == 2);

template <typename T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

float load_scale(ScaleType type, const std::byte* at) {
  switch (type) {
    case ScaleType::f32:
      return load<float>(at);
    case ScaleType::f16:
      return to_float(load<float16>(at));
    case ScaleType::bf16:
      return to_float(load<bfloat16>(at));
    case ScaleType::e8m0: {
      const auto exponent = load<uint8_t>(at);
      return std::bit_cast<float>(exponent == 0 ? 0x00400000U : uint32_t{exponent} << 23);
    }
    default: {
      // Its fields stand like those of a float16 whose exponent counts from 8 more.
      const unsigned byte = load<uint8_t>(at);
      return to_float(float16{static_cast<uint16_t>((byte & 0x80U) << 8 | (byte & 0x7fU) << 7)}) *
             256;
    }
  }
}

size_t checked_product(size_t a, size_t b, const char* what) {
  size_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) {
    fail(ErrorCode::invalid_argument, "panels: {} times {} {} overflows; check the matrix's shape",
         a, b, what);
  }
  return product;
}

size_t filled_up(size_t bytes) {
  return (bytes + panel_alignment - 1) / panel_alignment * panel_alignment;
}

// Adds a plane's bits to the 32 codes of one row of a block. Returns the end of the plane.
const uint8_t* unpack_plane(const uint8_t* plane, int row, int shift, int width, uint8_t* codes) {
  const int mask = (1 << width) - 1;
  const int tiles_per_vector = 8 / width;
  for (int v = 0; v < width; ++v) {
    for (int s = 0; s < tiles_per_vector; ++s) {
      for (int i = 0; i < tile_inputs; ++i) {
        const int bits = plane[row * tile_inputs + i] >> (width * s) & mask;
        *codes = static_cast<uint8_t>(*codes | bits << shift);
        ++codes;
      }
    }
    plane += tile_bytes;
  }
  return plane;
}

void unpack_codes_of_row(int bits, const std::byte* block, size_t lane, uint8_t* codes) {
  const int low = low_plane_bits(bits);
  const int row = static_cast<int>(lane);
  const auto* planes = unpack_plane(reinterpret_cast<const uint8_t*>(block), row, 0, low, codes);
  if (low < bits) unpack_plane(planes, row, low, bits - low, codes);
}

struct GroupScale {
  float scale;
  float bias;
};

// Of group `group` of a segment that has room for `groups`.
GroupScale group_scale(const PanelFormat& format, const PanelLayout& layout, const std::byte* panel,
                       const std::byte* header, size_t lane, size_t group, size_t groups) {
  const auto row = [&](size_t index, size_t size) {
    return header + (index * panel_rows + lane) * size;
  };
  const size_t size = scale_type_bytes(format.scale_type);
  switch (format.scales) {
    case ScaleKind::group:
      if (format.bias == BiasKind::stored) {
        return {load_scale(format.scale_type, row(2 * group, size)),
                load_scale(format.scale_type, row(2 * group + 1, size))};
      }
      return {load_scale(format.scale_type, row(group, size)) * format.multiplier, 0};
    case ScaleKind::row:
      return {load<float>(panel + layout.table + lane * sizeof(float)) * format.multiplier, 0};
    case ScaleKind::super:
      break;
  }
  const float d = to_float(load<float16>(row(0, sizeof(float16))));
  const size_t halves = format.bias == BiasKind::mins ? 2 : 1;
  const std::byte* subs = header + halves * panel_rows * sizeof(float16);
  const float scale =
      d * static_cast<float>(load<int8_t>(subs + group * panel_rows + lane)) * format.multiplier;
  if (halves == 1) return {scale, 0};
  const float dmin = to_float(load<float16>(row(1, sizeof(float16))));
  const auto min = load<uint8_t>(subs + (groups + group) * panel_rows + lane);
  return {scale, -(dmin * static_cast<float>(min))};
}

// What the codes of a panel stand for; of BiasKind::offset less the offset, which is exact.
void load_values(const PanelFormat& format, const std::byte* panel, float* values) {
  const auto offset = static_cast<float>(format.bias == BiasKind::offset ? format.offset : 0);
  for (size_t code = 0; code < size_t{1} << format.bits; ++code) {
    const auto byte = static_cast<uint8_t>(code);
    switch (format.values) {
      case CodeValues::linear:
        values[code] = static_cast<float>(byte) - offset;
        break;
      case CodeValues::table_i8:
        values[code] = static_cast<float>(static_cast<int>(load<uint8_t>(panel + code)) - 128);
        break;
      case CodeValues::table_f16:
        values[code] = to_float(load<float16>(panel + code * sizeof(float16)));
        break;
      case CodeValues::e4m3:
        values[code] = to_float(float8_e4m3{byte});
        break;
      case CodeValues::e5m2:
        // The upper half of a float16.
        values[code] = to_float(float16{static_cast<uint16_t>(byte << 8)});
        break;
    }
  }
}

// Why panels do not have the format; null: they do.
const char* wrong(const PanelFormat& f) {
  if (f.bits < 1 || f.bits > 8 || f.bits == 7) return "codes have 1 to 6 or 8 bits";
  if (f.group_size != 16 && f.group_size != 32 && f.group_size != 64 && f.group_size != 128) {
    return "groups have 16, 32, 64 or 128 inputs";
  }
  if (f.scale_type > ScaleType::e4m3) return "the scale type is unknown";
  if (f.scales > ScaleKind::row || f.bias > BiasKind::offset || f.values > CodeValues::e5m2) {
    return "the kind is unknown";
  }
  if (f.group_size < block_inputs && !has_group_16(f)) {
    return "groups of 16 have codes of 2, 3, 4 or 6 bits that stand for bytes, and no stored "
           "biases";
  }
  if (f.bias == BiasKind::stored && f.bits == 1) return "with stored biases codes have 2 bits";
  if (f.bias == BiasKind::stored && f.scales != ScaleKind::group) {
    return "stored biases need a scale for each group";
  }
  if (f.bias == BiasKind::stored && f.scale_type > ScaleType::bf16) {
    return "stored biases are f32, f16 or bf16";
  }
  if (f.bias == BiasKind::mins && f.scales != ScaleKind::super) {
    return "mins need scales in two levels";
  }
  if (f.values != CodeValues::linear && (f.bias != BiasKind::offset || f.offset != 0)) {
    return "values of a table or in float8 have no bias";
  }
  if (f.values >= CodeValues::e4m3 && f.bits != 8) return "float8 has 8 bits";
  if (f.offset < 0 || f.offset > 128) return "the offset is outside 0 to 128";
  if (f.multiplier != 1 && f.bias == BiasKind::stored) return "stored biases have no multiplier";
  return nullptr;
}

size_t table_bytes_of(const PanelFormat& format) {
  const size_t entries = size_t{1} << format.bits;
  switch (format.values) {
    case CodeValues::linear:
      return 0;
    case CodeValues::table_i8:
      return filled_up(entries);
    case CodeValues::table_f16:
      return filled_up(entries * sizeof(float16));
    default:
      return filled_up(sizeof(float));
  }
}

size_t segment_inputs_of(const PanelFormat& format, size_t inputs) {
  const auto group = static_cast<size_t>(format.group_size);
  const size_t least = std::max<size_t>(group, block_inputs);
  switch (format.scales) {
    case ScaleKind::super:
      return super_inputs;
    case ScaleKind::row:
      return std::max(inputs, least);
    case ScaleKind::group:
      break;
  }
  if (format.bias == BiasKind::stored) return least;
  const size_t groups = panel_alignment / (panel_rows * scale_type_bytes(format.scale_type));
  return std::max(least, std::max<size_t>(groups, 1) * group);
}

size_t segment_header_of(const PanelFormat& format, size_t segment_inputs) {
  const size_t groups = segment_inputs / static_cast<size_t>(format.group_size);
  const size_t row = panel_rows * scale_type_bytes(format.scale_type);
  switch (format.scales) {
    case ScaleKind::row:
      return 0;
    case ScaleKind::super: {
      const size_t kinds = format.bias == BiasKind::mins ? 2 : 1;
      return filled_up(kinds * panel_rows * (sizeof(float16) + groups));
    }
    case ScaleKind::group:
      break;
  }
  return filled_up(groups * row * (format.bias == BiasKind::stored ? 2 : 1));
}

}  // namespace

void check_panel(const PanelFormat& format, size_t inputs) {
  if (const char* why = wrong(format)) {
    fail(ErrorCode::invalid_argument,
         "panels: {} bits in groups of {} with scales of kind {}: {}; use another format",
         format.bits, format.group_size, static_cast<int>(format.scales), why);
  }
  const auto unit = static_cast<size_t>(
      format.scales == ScaleKind::super ? super_inputs : std::max(format.group_size, block_inputs));
  if (inputs % unit != 0) {
    fail(ErrorCode::invalid_argument,
         "panels: {} inputs are no multiple of {}, which the format needs; take another one",
         inputs, unit);
  }
}

PanelLayout panel_layout(const PanelFormat& format, size_t inputs) {
  check_panel(format, inputs);
  PanelLayout layout{};
  layout.table = table_bytes_of(format);
  layout.panel_header =
      layout.table + (format.scales == ScaleKind::row ? panel_rows * sizeof(float) : 0);
  layout.segment_inputs = segment_inputs_of(format, inputs);
  layout.segment_header = segment_header_of(format, layout.segment_inputs);
  const size_t input_bytes = 2 * static_cast<size_t>(format.bits);
  layout.segment =
      layout.segment_header + checked_product(layout.segment_inputs, input_bytes, "bytes an input");
  const size_t whole = inputs / layout.segment_inputs;
  const size_t rest = inputs % layout.segment_inputs;
  const size_t segments = checked_product(whole, layout.segment, "bytes a segment");
  const size_t last = rest == 0 ? 0 : layout.segment_header + rest * input_bytes;
  if (__builtin_add_overflow(segments, layout.panel_header + last, &layout.stride)) {
    fail(ErrorCode::invalid_argument,
         "panels: {} inputs take more bytes than there can be; check "
         "the matrix's shape",
         inputs);
  }
  return layout;
}

size_t panel_stride(const PanelFormat& format, size_t inputs) {
  return panel_layout(format, inputs).stride;
}

size_t panel_count(size_t rows) { return rows / panel_rows + (rows % panel_rows != 0 ? 1 : 0); }

size_t packed_size(const PanelFormat& format, size_t rows, size_t inputs) {
  return checked_product(panel_count(rows), panel_stride(format, inputs), "bytes a panel");
}

void unpack_row(const PanelFormat& format, size_t inputs, const std::byte* panels, size_t row,
                float* out) {
  const PanelLayout layout = panel_layout(format, inputs);
  const std::byte* panel = panels + row / panel_rows * layout.stride;
  const size_t lane = row % panel_rows;
  const std::byte* at = panel + layout.panel_header;
  const auto group_size = static_cast<size_t>(format.group_size);
  const size_t run = std::min<size_t>(group_size, block_inputs);  // within a block and a group
  const size_t segment_groups = layout.segment_inputs / group_size;
  float values[256];
  load_values(format, panel, values);
  for (size_t first = 0; first < inputs; first += layout.segment_inputs) {
    const std::byte* header = at;
    at += layout.segment_header;
    const size_t segment = std::min(layout.segment_inputs, inputs - first);
    for (size_t k = 0; k < segment; k += block_inputs) {
      uint8_t codes[block_inputs] = {};
      unpack_codes_of_row(format.bits, at, lane, codes);
      for (size_t i = 0; i < block_inputs; i += run) {
        const GroupScale s =
            group_scale(format, layout, panel, header, lane, (k + i) / group_size, segment_groups);
        for (size_t j = i; j < i + run; ++j) {
          const float product = values[codes[j]] * s.scale;
          *out++ = format.bias == BiasKind::offset ? product : product + s.bias;
        }
      }
      at += static_cast<ptrdiff_t>(format.bits) * tile_bytes;
    }
  }
}

}  // namespace tarn::quant
