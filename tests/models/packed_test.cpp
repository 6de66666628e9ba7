#include "tarn/models/packed.h"

#include <gtest/gtest.h>

#include <string>

#include "tarn/quant/codec.h"
#include "tests/io/safetensors_files.h"

namespace tarn {
namespace {

using testing::expect_error;

TEST(Packed, DescriptionsRoundTrip) {
  for (const auto type : {quant::ScaleType::f32, quant::ScaleType::f16, quant::ScaleType::bf16}) {
    const PackedMatrix matrix{{6, 64, type}, 100, 128};
    EXPECT_EQ(matrix.tensor_bytes() % packed_alignment, 0U);
    EXPECT_GE(matrix.tensor_bytes(), matrix.panel_bytes());
    const PackedMatrix read =
        parse_packed_matrix(matrix.description(), matrix.tensor_bytes(), "x.panels");
    EXPECT_EQ(read.format.bits, 6);
    EXPECT_EQ(read.format.group_size, 64);
    EXPECT_EQ(read.format.scale_type, type);
    EXPECT_EQ(read.rows, 100);
    EXPECT_EQ(read.columns, 128);
  }
}

TEST(Packed, EveryKindOfPanelsRoundTrips) {
  for (const char* name : {"lut6", "lut4:32", "q4_k", "q6_k", "q8_0", "iq4_xs", "iq2_xs",
                           "ggml:mxfp4", "ggml:nvfp4", "mxfp4", "mxfp8", "nvfp4"}) {
    const auto codec = quant::make_codec(quant::parse_format(name), quant::ScaleType::bf16);
    const PackedMatrix matrix{codec->panel_format(), 40, 512};
    const PackedMatrix read =
        parse_packed_matrix(matrix.description(), matrix.tensor_bytes(), "x.panels");
    EXPECT_EQ(read.description(), matrix.description()) << name;
    EXPECT_EQ(read.format.scales, matrix.format.scales) << name;
    EXPECT_EQ(read.format.multiplier, matrix.format.multiplier) << name;
    EXPECT_EQ(read.panel_bytes(), matrix.panel_bytes()) << name;
  }
}

TEST(Packed, SizesMustAgreeWithTheTensor) {
  const PackedMatrix matrix{{4, 64, quant::ScaleType::bf16}, 64, 128};
  for (const size_t bytes : {size_t{0}, matrix.tensor_bytes() - packed_alignment,
                             matrix.tensor_bytes() + packed_alignment, matrix.tensor_bytes() - 1}) {
    expect_error(ErrorCode::corrupt, {"x.panels", "tarn pack"},
                 [&] { parse_packed_matrix(matrix.description(), bytes, "x.panels"); });
  }
}

TEST(Packed, BrokenDescriptionsAreCorrupt) {
  const auto text = [](const std::string& rows, const std::string& columns,
                       const std::string& rest) {
    return R"({"mode":"affine","rows":)" + rows + R"(,"columns":)" + columns + rest + "}";
  };
  const std::string good = R"(,"bits":4,"group_size":32,"scales":"BF16")";
  EXPECT_NO_THROW(parse_packed_matrix(text("16", "32", good), 4096, "x"));
  for (const std::string& broken :
       {std::string(),
        std::string("{"),
        std::string("[]"),
        std::string("{}"),
        std::string("3"),
        text("-1", "32", good),
        text("0", "32", good),
        text("1.5", "32", good),
        text("\"16\"", "32", good),
        text("16", "33", good),
        text("18446744073709551615", "32", good),
        text("9223372036854775807", "32", good),
        text("2147483647", "2147483616", good),
        text("99999999999999999999999", "32", good),
        text("16", "32", R"(,"bits":7,"group_size":32,"scales":"BF16")"),
        text("16", "32", R"(,"bits":4294967300,"group_size":32,"scales":"BF16")"),
        text("16", "32", R"(,"bits":4,"group_size":0,"scales":"BF16")"),
        text("16", "32", R"(,"bits":4,"group_size":32,"scales":"I32")"),
        text("16", "32", R"(,"bits":4,"group_size":32,"scales":4)"),
        text("16", "32", R"(,"bits":4,"group_size":32)")}) {
    SCOPED_TRACE(broken);
    expect_error(ErrorCode::corrupt, {"x"}, [&] { parse_packed_matrix(broken, 4096, "x"); });
  }
}

}  // namespace
}  // namespace tarn
