// Each way in which a header can lie, and what is said about it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "tarn/base/error.h"
#include "tarn/io/gguf_header.h"
#include "tests/io/gguf_bytes.h"

namespace tarn {
namespace {

using testing::GgufBytes;
using ::testing::HasSubstr;

constexpr uint64_t huge = ~uint64_t{0};
constexpr uint32_t f32 = 0;
constexpr uint32_t q4_k = 12;

struct Case {
  const char* name;
  std::function<GgufBytes()> file;
  const char* says;
  ErrorCode code = ErrorCode::corrupt;
};

GgufBytes with_key() { return GgufBytes().start(0, 1); }
GgufBytes with_tensor() { return GgufBytes().start(1, 0); }

const Case cases[] = {
    {"Empty", [] { return GgufBytes(); }, "does not begin with \"GGUF\""},
    {"OtherMagic", [] { return GgufBytes().raw("GGML").u32(3).u64(0).u64(0); },
     "does not begin with \"GGUF\""},
    {"VersionOne", [] { return GgufBytes().start(0, 0, 1); }, "GGUF of version 1",
     ErrorCode::unsupported},
    {"VersionFour", [] { return GgufBytes().start(0, 0, 4); }, "GGUF of version 4",
     ErrorCode::unsupported},
    {"OtherByteOrder", [] { return GgufBytes().start(0, 0, 0x03000000); }, "big endian",
     ErrorCode::unsupported},
    {"NoCounts", [] { return GgufBytes().raw("GGUF").u32(3); },
     "ends within the number of tensors"},
    {"TensorCountBeyondFile", [] { return GgufBytes().start(huge, 0).data(64); },
     "more than its 96 bytes can hold"},
    {"KeyCountBeyondFile", [] { return GgufBytes().start(0, huge / 2).data(64); },
     "metadata keys, more than its"},
    {"KeyLengthOverflows", [] { return with_key().u64(huge).data(64); }, "is longer than 65535"},
    {"KeyBeyondFile", [] { return with_key().u64(4096).data(64); }, "reaches beyond the end"},
    {"EmptyKey", [] { return with_key().text("").u32(4).u32(1); }, "a metadata key is empty"},
    {"KeyNotUtf8", [] { return with_key().text("a\xff").u32(4).u32(1); }, "is not UTF-8"},
    {"UnknownValueType", [] { return with_key().text("a").u32(13).data(64); },
     "has the unknown type 13"},
    {"NumberCutOff", [] { return with_key().text("ab").u32(10).u32(1); }, "ends within a number"},
    {"TextBeyondFile", [] { return with_key().text("a").u32(8).u64(huge).data(8); },
     "reaches beyond the end"},
    {"TruthValueOfTwo", [] { return with_key().text("a").u32(7).raw("\x02"); },
     "truth value 2, neither 0 nor 1"},
    {"ArrayCountBeyondFile", [] { return with_key().text("a").u32(9).u32(4).u64(huge).data(64); },
     "entries, more than"},
    {"ArrayOfTextsBeyondFile", [] { return with_key().text("a").u32(9).u32(8).u64(99).data(64); },
     "entries, more than"},
    {"ArrayOfArrays", [] { return with_key().text("a").u32(9).u32(9).u64(1).data(64); },
     "arrays in an array"},
    {"ArrayOfUnknownType", [] { return with_key().text("a").u32(9).u32(77).u64(1).data(64); },
     "has the unknown type 77"},
    {"KeyTwice", [] { return GgufBytes().start(0, 2).number("a", 1).number("a", 2); },
     "\"a\" stands there twice"},
    {"AlignmentOfThree", [] { return with_key().number("general.alignment", 3); },
     "no power of two"},
    {"AlignmentOfZero", [] { return with_key().number("general.alignment", 0); },
     "no power of two"},
    {"AlignmentIsText", [] { return with_key().text("general.alignment").u32(8).text("32"); },
     "no power of two"},
    {"EmptyTensorName", [] { return with_tensor().tensor("", {4}, f32, 0).data(64); },
     "a tensor's name is empty"},
    {"TensorNameTooLong",
     [] { return with_tensor().tensor(std::string(2000, 'x'), {4}, f32, 0).data(64); },
     "is longer than 1024"},
    {"RankZero", [] { return with_tensor().tensor("t", {}, f32, 0).data(64); }, "has 0 dimensions"},
    {"RankFive",
     [] {
       return with_tensor().tensor("t", {1, 1, 1, 1, 1}, f32, 0).data(64);
     },
     "has 5 dimensions"},
    {"ExtentZero",
     [] {
       return with_tensor().tensor("t", {4, 0}, f32, 0).data(64);
     },
     "has the extent 0"},
    {"ExtentNegative", [] { return with_tensor().tensor("t", {huge}, f32, 0).data(64); },
     "has the extent"},
    {"ExtentsOverflow",
     [] {
       return with_tensor().tensor("t", {uint64_t{1} << 40, uint64_t{1} << 40}, f32, 0).data(64);
     },
     "multiply to more than 64 bits"},
    {"BytesOverflow",
     [] { return with_tensor().tensor("t", {uint64_t{1} << 62}, f32, 0).data(64); },
     "more bytes than 64 bits"},
    {"WithdrawnType", [] { return with_tensor().tensor("t", {32}, 4, 0).data(64); },
     "has the type 4, which is not in use", ErrorCode::unsupported},
    {"UnknownType", [] { return with_tensor().tensor("t", {32}, 4711, 0).data(64); },
     "has the type 4711", ErrorCode::unsupported},
    {"RowNotOfBlocks", [] { return with_tensor().tensor("t", {255}, q4_k, 0).data(256); },
     "no multiple of the 256 in a block of Q4_K"},
    {"OffsetNotAligned", [] { return with_tensor().tensor("t", {4}, f32, 8).data(64); },
     "no multiple of the alignment 32"},
    {"OffsetOverflows", [] { return with_tensor().tensor("t", {64}, f32, huge - 31).data(64); },
     "ends beyond what 64 bits"},
    {"TensorBeyondFile", [] { return with_tensor().tensor("t", {1024}, f32, 0).data(64); },
     "the file is cut off"},
    {"OffsetBeyondFile", [] { return with_tensor().tensor("t", {4}, f32, 1 << 20).data(64); },
     "the file is cut off"},
    {"TensorTwice",
     [] {
       return GgufBytes().start(2, 0).tensor("t", {4}, f32, 0).tensor("t", {4}, f32, 32).data(64);
     },
     "tensor \"t\" stands there twice"},
    {"TensorsOverlap",
     [] {
       return GgufBytes().start(2, 0).tensor("a", {16}, f32, 0).tensor("b", {4}, f32, 32).data(64);
     },
     "tensors \"a\" and \"b\" overlap"},
};

class GgufHostile : public ::testing::TestWithParam<Case> {};

TEST_P(GgufHostile, IsRefusedWithAWord) {
  const GgufBytes file = GetParam().file();
  try {
    parse_gguf_header(file.span(), "m.gguf");
    FAIL() << "it was taken";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(GetParam().says));
    EXPECT_THAT(error.what(), HasSubstr("m.gguf"));
    EXPECT_EQ(error.code(), GetParam().code) << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(Headers, GgufHostile, ::testing::ValuesIn(cases),
                         [](const auto& one) { return one.param.name; });

// A valid file, cut off after every byte of its header: an error, never a crash.
TEST(GgufTruncated, AfterEveryByte) {
  const std::string whole = GgufBytes()
                                .start(1, 3)
                                .number("a", 1)
                                .text("b")
                                .u32(8)
                                .text("text")
                                .text("c")
                                .u32(9)
                                .u32(8)
                                .u64(2)
                                .text("x")
                                .text("y")
                                .tensor("t", {32, 2}, 8, 0)
                                .data(68)
                                .string();
  EXPECT_EQ(parse_gguf_header(std::as_bytes(std::span(whole)), "m.gguf").tensors.size(), 1U);
  for (size_t length = 0; length < whole.size(); ++length) {
    const auto part = std::as_bytes(std::span(whole).first(length));
    EXPECT_THROW(parse_gguf_header(part, "m.gguf"), Error) << length;
  }
}

}  // namespace
}  // namespace tarn
