#include "tarn/quant/ggml_blocks.h"

#include <array>
#include <bit>

#include "tarn/base/error.h"
#include "tarn/quant/ggml_unpack.h"

namespace tarn::quant {
namespace {

constexpr std::array<int8_t, 16> non_linear = {-127, -104, -83, -65, -49, -35, -22, -10,
                                               1,    13,   25,  38,  53,  69,  89,  113};
constexpr std::array<int8_t, 16> twice_e2m1 = {0, 1,  2,  3,  4,  6,  8,  12,
                                               0, -1, -2, -3, -4, -6, -8, -12};
// Levels and signs; IQ1: 8 times a value of -1, 0, 1 plus or minus one.
constexpr std::array<int8_t, 8> iq1_values = {-7, 1, 9, 0, -9, -1, 7, 0};
constexpr std::array<int8_t, 8> iq2_values = {8, 25, 43, 0, -8, -25, -43, 0};
constexpr std::array<int8_t, 16> iq3_xxs_values = {4,  12,  20,  28,  36,  44,  52,  62,
                                                   -4, -12, -20, -28, -36, -44, -52, -62};
constexpr std::array<int8_t, 16> iq3_s_values = {1,  3,  5,  7,  9,  11,  13,  15,
                                                 -1, -3, -5, -7, -9, -11, -13, -15};

PanelFormat by_group(int bits, int offset) {
  return {.bits = bits,
          .group_size = 32,
          .scale_type = ScaleType::f16,
          .bias = BiasKind::offset,
          .offset = offset};
}

PanelFormat in_two_levels(int bits, int group_size, int offset) {
  return {.bits = bits,
          .group_size = group_size,
          .scale_type = ScaleType::f16,
          .scales = ScaleKind::super,
          .bias = BiasKind::offset,
          .offset = offset};
}

PanelFormat with_mins(int bits, int group_size) {
  return {.bits = bits,
          .group_size = group_size,
          .scale_type = ScaleType::f16,
          .scales = ScaleKind::super,
          .bias = BiasKind::mins};
}

PanelFormat with_table(int bits, int group_size, ScaleKind scales, ScaleType type,
                       float multiplier) {
  return {.bits = bits,
          .group_size = group_size,
          .scale_type = type,
          .scales = scales,
          .bias = BiasKind::offset,
          .values = CodeValues::table_i8,
          .multiplier = multiplier};
}

UnpackBlock unpack_of(GgmlType type) {
  if (const UnpackBlock unpack = legacy_unpack(type)) return unpack;
  if (const UnpackBlock unpack = k_unpack(type)) return unpack;
  return iq_unpack(type);
}

size_t scale_bytes(const PanelFormat& format) {
  return format.scales == ScaleKind::super || format.scale_type >= ScaleType::e8m0 ? 1 : 2;
}

template <typename T>
void decode_plain(size_t columns, const std::byte* from, float* out) {
  for (size_t i = 0; i < columns; ++i) {
    const T value = field<T>(from + i * sizeof(T));
    if constexpr (std::is_arithmetic_v<T>) {
      out[i] = static_cast<float>(value);
    } else {
      out[i] = to_float(value);
    }
  }
}

float group_scale(const PanelFormat& format, const void* scales, size_t group, float d) {
  if (format.scales == ScaleKind::super) {
    return d * static_cast<float>(static_cast<const int8_t*>(scales)[group]) * format.multiplier;
  }
  float scale = 0;
  if (format.scale_type == ScaleType::f16) {
    scale = to_float(static_cast<const float16*>(scales)[group]);
  } else {
    const unsigned byte = static_cast<const uint8_t*>(scales)[group];
    scale = format.scale_type == ScaleType::e8m0
                ? std::bit_cast<float>(byte == 0 ? 0x00400000U : byte << 23)
                : to_float(float16{static_cast<uint16_t>(byte << 7)}) * 256;
  }
  return scale * format.multiplier;
}

float group_bias(const PanelFormat& format, const GgmlRow& row, size_t group) {
  if (format.bias == BiasKind::stored) {
    return to_float(static_cast<const float16*>(row.biases)[group]);
  }
  const auto min = static_cast<const uint8_t*>(row.biases)[group];
  return -(to_float(row.dmin[0]) * static_cast<float>(min));
}

// The values of one block; what is the same for a whole group stays out of the inner loops.
void decode_block(const PanelFormat& format, std::span<const int8_t> table, const GgmlRow& row,
                  size_t count, float* out) {
  const auto group_size = static_cast<size_t>(format.group_size);
  const float d = format.scales == ScaleKind::super ? to_float(row.d[0]) : 0;
  const auto offset = static_cast<float>(format.offset);
  for (size_t group = 0; group < count / group_size; ++group) {
    const float scale = group_scale(format, row.scales, group, d);
    const uint8_t* codes = row.codes + group * group_size;
    float* to = out + group * group_size;
    if (!table.empty()) {
      for (size_t i = 0; i < group_size; ++i) to[i] = static_cast<float>(table[codes[i]]) * scale;
    } else if (format.bias == BiasKind::offset) {
      for (size_t i = 0; i < group_size; ++i) {
        to[i] = (static_cast<float>(codes[i]) - offset) * scale;
      }
    } else {
      const float bias = group_bias(format, row, group);
      for (size_t i = 0; i < group_size; ++i) to[i] = static_cast<float>(codes[i]) * scale + bias;
    }
  }
}

}  // namespace

bool is_weight_type(GgmlType type) { return unpack_of(type) != nullptr; }

PanelFormat ggml_panel_format(GgmlType type) {
  switch (type) {
    case GgmlType::q4_0:
      return by_group(4, 8);
    case GgmlType::q4_1:
      return {4, 32, ScaleType::f16};
    case GgmlType::q5_0:
      return by_group(5, 16);
    case GgmlType::q5_1:
      return {5, 32, ScaleType::f16};
    case GgmlType::q8_0:
      return by_group(8, 128);
    case GgmlType::q2_k:
      return with_mins(2, 16);
    case GgmlType::q3_k:
      return in_two_levels(3, 16, 4);
    case GgmlType::q4_k:
      return with_mins(4, 32);
    case GgmlType::q5_k:
      return with_mins(5, 32);
    case GgmlType::q6_k:
      return in_two_levels(6, 16, 32);
    case GgmlType::tq1_0:
    case GgmlType::tq2_0:
      return in_two_levels(2, 64, 1);
    case GgmlType::iq4_nl:
      return with_table(4, 32, ScaleKind::group, ScaleType::f16, 1);
    case GgmlType::iq4_xs:
    case GgmlType::iq3_s:
      return with_table(4, 32, ScaleKind::super, ScaleType::f16, 1);
    case GgmlType::iq3_xxs:
      return with_table(4, 32, ScaleKind::super, ScaleType::f16, 0.25F);
    case GgmlType::iq2_xxs:
      return with_table(3, 32, ScaleKind::super, ScaleType::f16, 0.125F);
    case GgmlType::iq2_xs:
    case GgmlType::iq2_s:
      return with_table(3, 16, ScaleKind::super, ScaleType::f16, 0.125F);
    case GgmlType::iq1_s:
      return with_table(3, 32, ScaleKind::super, ScaleType::f16, 0.125F);
    case GgmlType::iq1_m:
      return with_table(3, 16, ScaleKind::super, ScaleType::f16, 0.125F);
    case GgmlType::mxfp4:
      return with_table(4, 32, ScaleKind::group, ScaleType::e8m0, 0.5F);
    case GgmlType::nvfp4:
      return with_table(4, 16, ScaleKind::group, ScaleType::e4m3, 0.5F);
    default:
      fail(ErrorCode::unsupported, "GGUF type {}: it is not one of quantized weights",
           info(type).name);
  }
}

std::span<const int8_t> ggml_table(GgmlType type) {
  switch (type) {
    case GgmlType::iq4_nl:
    case GgmlType::iq4_xs:
      return non_linear;
    case GgmlType::mxfp4:
    case GgmlType::nvfp4:
      return twice_e2m1;
    case GgmlType::iq3_s:
      return iq3_s_values;
    case GgmlType::iq3_xxs:
      return iq3_xxs_values;
    case GgmlType::iq2_xxs:
    case GgmlType::iq2_xs:
    case GgmlType::iq2_s:
      return iq2_values;
    case GgmlType::iq1_s:
    case GgmlType::iq1_m:
      return iq1_values;
    default:
      return {};
  }
}

void ggml_unpack_row(GgmlType type, size_t columns, const std::byte* blocks, const GgmlRow& out) {
  const GgmlTypeInfo& of = info(type);
  const PanelFormat format = ggml_panel_format(type);
  const UnpackBlock unpack = unpack_of(type);
  const size_t groups = of.block_values / static_cast<size_t>(format.group_size);
  const size_t scales = groups * scale_bytes(format);
  GgmlRow at = out;
  for (size_t i = 0; i < columns; i += of.block_values) {
    unpack(blocks, at);
    blocks += of.block_bytes;
    at.codes += of.block_values;
    at.scales = static_cast<std::byte*>(at.scales) + scales;
    if (at.biases != nullptr) at.biases = static_cast<std::byte*>(at.biases) + scales;
    if (at.d != nullptr) ++at.d;
    if (at.dmin != nullptr) ++at.dmin;
  }
}

void ggml_decode_row(GgmlType type, size_t columns, const std::byte* blocks, float* out) {
  switch (type) {
    case GgmlType::f32:
      return decode_plain<float>(columns, blocks, out);
    case GgmlType::f64:
      return decode_plain<double>(columns, blocks, out);
    case GgmlType::f16:
      return decode_plain<float16>(columns, blocks, out);
    case GgmlType::bf16:
      return decode_plain<bfloat16>(columns, blocks, out);
    case GgmlType::i8:
      return decode_plain<int8_t>(columns, blocks, out);
    case GgmlType::i16:
      return decode_plain<int16_t>(columns, blocks, out);
    case GgmlType::i32:
      return decode_plain<int32_t>(columns, blocks, out);
    case GgmlType::i64:
      return decode_plain<int64_t>(columns, blocks, out);
    default:
      break;
  }
  const GgmlTypeInfo& of = info(type);
  const PanelFormat format = ggml_panel_format(type);
  const UnpackBlock unpack = unpack_of(type);
  const std::span<const int8_t> table = ggml_table(type);
  alignas(2) std::array<uint8_t, super_inputs> codes;
  alignas(2) std::array<std::byte, 64> scales;
  alignas(2) std::array<std::byte, 64> biases;
  float16 d{}, dmin{};
  const GgmlRow row{codes.data(), scales.data(), biases.data(), &d, &dmin};
  for (size_t i = 0; i < columns; i += of.block_values) {
    unpack(blocks, row);
    decode_block(format, table, row, of.block_values, out + i);
    blocks += of.block_bytes;
  }
}

}  // namespace tarn::quant
