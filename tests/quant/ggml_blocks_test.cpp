#include "tarn/quant/ggml_blocks.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <new>
#include <random>
#include <vector>

#include "tarn/io/safetensors.h"
#include "tarn/quant/codec.h"

namespace tarn::quant {
namespace {

const SafetensorsFile& oracle() {
  static const SafetensorsFile file =
      SafetensorsFile::open(TARN_TEST_DATA "/quant/ggml_blocks.safetensors");
  return file;
}

std::vector<GgmlType> weight_types() {
  std::vector<GgmlType> types;
  for (const GgmlTypeInfo& one : ggml_types()) {
    if (is_weight_type(one.type)) types.push_back(one.type);
  }
  return types;
}

class GgmlBlocks : public ::testing::TestWithParam<GgmlType> {
 protected:
  const GgmlTypeInfo& type = info(GetParam());
  const TensorInfo& blocks = oracle().tensor(type.name);
  const TensorInfo& expected = oracle().tensor(std::string(type.name) + ".values");
  const size_t columns = expected.bytes.size() / sizeof(float);
};

TEST_P(GgmlBlocks, DecodeToTheValuesOfGgufPy) {
  std::vector<float> values(columns);
  ggml_decode_row(type.type, columns, blocks.bytes.data(), values.data());
  for (size_t i = 0; i < columns; ++i) {
    float wanted;
    std::memcpy(&wanted, expected.bytes.data() + i * sizeof(float), sizeof(float));
    ASSERT_EQ(values[i], wanted) << type.name << " value " << i;
  }
}

// Every row of a panel is one of the rows that went in, bit for bit.
TEST_P(GgmlBlocks, ArePackedWithoutLoss) {
  const PanelFormat format = ggml_panel_format(type.type);
  constexpr size_t rows = 3;
  const size_t groups = columns / static_cast<size_t>(format.group_size);
  std::vector<uint8_t> codes(rows * columns);
  std::vector<float16> scales(rows * groups), biases(rows * groups);
  std::vector<float16> d(rows * columns / 256), dmin(rows * columns / 256);
  const bool bytes = format.scales == ScaleKind::super || format.scale_type >= ScaleType::e8m0;
  const size_t scale_row = groups * (bytes ? 1 : 2);
  std::vector<std::vector<std::byte>> sources;
  for (size_t row = 0; row < rows; ++row) {
    // The blocks of a row, turned by as many as its number.
    const size_t turn = row % (columns / type.block_values) * type.block_bytes;
    std::vector<std::byte> source(blocks.bytes.begin() + static_cast<long>(turn),
                                  blocks.bytes.end());
    source.insert(source.end(), blocks.bytes.begin(),
                  blocks.bytes.begin() + static_cast<long>(turn));
    ggml_unpack_row(type.type, columns, source.data(),
                    {codes.data() + row * columns,
                     reinterpret_cast<std::byte*>(scales.data()) + row * scale_row,
                     reinterpret_cast<std::byte*>(biases.data()) + row * scale_row,
                     d.data() + row * columns / 256, dmin.data() + row * columns / 256});
    sources.push_back(std::move(source));
  }
  auto* panel = static_cast<std::byte*>(
      ::operator new (panel_stride(format, columns), std::align_val_t{panel_alignment}));
  pack_panel(format, columns,
             {rows, codes.data(), scales.data(), biases.data(), d.data(), dmin.data(),
              ggml_table(type.type).data()},
             panel);
  std::vector<float> got(columns), wanted(columns);
  for (size_t row = 0; row < rows; ++row) {
    unpack_row(format, columns, panel, row, got.data());
    ggml_decode_row(type.type, columns, sources[row].data(), wanted.data());
    EXPECT_EQ(got, wanted) << type.name << " row " << row;
  }
  unpack_row(format, columns, panel, rows, got.data());
  EXPECT_EQ(got, std::vector<float>(columns)) << "a row beyond the matrix";
  ::operator delete (panel, std::align_val_t{panel_alignment});
}

// Whatever bytes a file has, they are taken apart within the arrays, codes fit their bits, and the
// panels hold what decoding gives, NaN for NaN.
TEST_P(GgmlBlocks, TakeAnyBytes) {
  const PanelFormat format = ggml_panel_format(type.type);
  const auto codec = make_codec(ggml_format(type.type), ScaleType::f16);
  const size_t row_bytes = 512 / type.block_values * type.block_bytes;
  std::mt19937 random(5);
  for (const int fill : {0, 0x7f, 0x80, 0xff, -1}) {
    std::vector<std::byte> source(row_bytes);
    for (std::byte& b : source) {
      b = static_cast<std::byte>(fill >= 0 ? static_cast<unsigned>(fill) : random() & 255U);
    }
    std::vector<uint8_t> codes(512);
    std::vector<float16> scales(512), biases(512), d(2), dmin(2);
    ggml_unpack_row(type.type, 512, source.data(),
                    {codes.data(), scales.data(), biases.data(), d.data(), dmin.data()});
    for (const uint8_t code : codes) ASSERT_LT(code, 1 << format.bits) << type.name;
    std::vector<float> decoded(512), unpacked(512);
    ggml_decode_row(type.type, 512, source.data(), decoded.data());
    auto* panel = static_cast<std::byte*>(
        ::operator new (panel_stride(format, 512), std::align_val_t{panel_alignment}));
    const std::byte* parts[] = {source.data()};
    codec->pack(1, 512, parts, panel, 0, 1);
    unpack_row(format, 512, panel, 0, unpacked.data());
    ::operator delete (panel, std::align_val_t{panel_alignment});
    for (size_t i = 0; i < decoded.size(); ++i) {
      // A byte of NVFP4's scales that is a NaN in panels has a number in ggml's reading of 0xff.
      if (type.type == GgmlType::nvfp4 && std::isnan(unpacked[i])) continue;
      if (std::isnan(decoded[i])) {
        ASSERT_TRUE(std::isnan(unpacked[i])) << type.name << " value " << i;
      } else {
        ASSERT_EQ(std::bit_cast<uint32_t>(unpacked[i]), std::bit_cast<uint32_t>(decoded[i]))
            << type.name << " value " << i << " of bytes " << fill;
      }
    }
  }
}

// True bytes decide the speed of decoding: panels add little to what the file has.
TEST_P(GgmlBlocks, TakeLittleMoreInPanels) {
  const PanelFormat format = ggml_panel_format(type.type);
  const double bits = 8.0 * static_cast<double>(panel_stride(format, 1024)) / (16 * 1024);
  const double stored =
      8.0 * static_cast<double>(type.block_bytes) / static_cast<double>(type.block_values);
  const bool on_grid =
      type.name.starts_with("IQ1") || type.name.starts_with("IQ2") || type.name.starts_with("IQ3");
  // Panels give a byte to what these two share one, or a fifth of one, for.
  const bool denser = type.name == "TQ1_0" || type.name == "Q2_K";
  if (!on_grid) {
    EXPECT_LE(bits, stored * (denser ? 1.35 : 1.1)) << type.name;
  } else {
    EXPECT_LE(bits, 4.57) << type.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, GgmlBlocks, ::testing::ValuesIn(weight_types()),
                         [](const auto& type) {
                           return std::string(tarn::quant::info(type.param).name);
                         });

TEST(GgmlTypes, HaveNamesAndNumbersOfTheirOwn) {
  for (const GgmlTypeInfo& one : ggml_types()) {
    EXPECT_EQ(ggml_type_info(static_cast<uint32_t>(one.type))->name, one.name);
    EXPECT_EQ(ggml_type_from_name(one.name), one.type);
  }
  EXPECT_EQ(ggml_type_from_name("q4_k"), GgmlType::q4_k);
  EXPECT_EQ(ggml_type_info(4), std::nullopt);  // withdrawn
  EXPECT_EQ(ggml_type_from_name("q9_k"), std::nullopt);
  EXPECT_EQ(weight_types().size(), 23U);
}

}  // namespace
}  // namespace tarn::quant
