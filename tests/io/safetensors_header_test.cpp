#include "tarn/io/safetensors_header.h"

#include <gtest/gtest.h>

#include <limits>
#include <span>

#include "tests/io/safetensors_files.h"

namespace tarn {
namespace {

using testing::expect_error;
using testing::safetensors_bytes;

SafetensorsHeader parse(const std::string& file) {
  return parse_safetensors_header(std::as_bytes(std::span(file)), "f.safetensors");
}

void expect_corrupt(const std::string& file, std::initializer_list<std::string_view> parts) {
  expect_error(ErrorCode::corrupt, parts, [&] { parse(file); });
  expect_error(ErrorCode::corrupt, {"f.safetensors: ", ": download or convert the file again"},
               [&] { parse(file); });
}

void expect_corrupt_header(const std::string& header, std::initializer_list<std::string_view> parts,
                           size_t data_bytes = 0) {
  expect_corrupt(safetensors_bytes(header, data_bytes), parts);
}

std::string one(const std::string& fields) { return "{\"w\":{" + fields + "}}"; }

TEST(SafetensorsHeader, ReadsEntriesInTheOrderOfTheirData) {
  const auto header =
      parse(safetensors_bytes(R"({"__metadata__":{"format":"pt"},)"
                              R"("b":{"dtype":"BF16","shape":[2,3],"data_offsets":[4,16]},)"
                              R"("scalar":{"data_offsets":[0,4],"shape":[],"dtype":"F32"},)"
                              R"("none":{"dtype":"I64","shape":[0,7],"data_offsets":[16,16]}}  )",
                              16));
  ASSERT_EQ(header.entries.size(), 3U);
  EXPECT_EQ(header.entries[0].name, "scalar");
  EXPECT_EQ(header.entries[0].type, StorageType::f32);
  EXPECT_TRUE(header.entries[0].shape.empty());
  EXPECT_EQ(header.entries[1].name, "b");
  EXPECT_EQ(header.entries[1].type, StorageType::bf16);
  EXPECT_EQ(header.entries[1].shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(header.entries[1].begin, 4U);
  EXPECT_EQ(header.entries[1].end, 16U);
  EXPECT_EQ(header.entries[2].name, "none");
  EXPECT_EQ(header.metadata.at("format"), "pt");
}

TEST(SafetensorsHeader, EmptyFileOfTensorsIsFine) {
  EXPECT_TRUE(parse(safetensors_bytes("{}")).entries.empty());
  EXPECT_TRUE(parse(safetensors_bytes(R"({"__metadata__":null})")).metadata.empty());
}

TEST(SafetensorsHeader, EveryTypeOfTheFormatOpens) {
  for (const char* name : {"F64",     "F32",     "F16",     "BF16",    "I64",     "I32",  "I16",
                           "I8",      "U64",     "U32",     "U16",     "U8",      "BOOL", "C64",
                           "F8_E4M3", "F8_E5M2", "F8_E8M0", "F6_E2M3", "F6_E3M2", "F4"}) {
    const auto type = storage_type_from_name(name);
    ASSERT_TRUE(type) << name;
    const size_t bytes = storage_type_bits(*type);  // of 8 elements
    const auto header = parse(safetensors_bytes(
        fmt::format(R"({{"w":{{"dtype":"{}","shape":[8],"data_offsets":[0,{}]}}}})", name, bytes),
        bytes));
    EXPECT_EQ(header.entries.at(0).type, *type);
  }
}

TEST(SafetensorsHeader, RefusesTooFewBytes) {
  expect_corrupt("", {"0 bytes are too few"});
  expect_corrupt("1234567", {"7 bytes are too few"});
}

TEST(SafetensorsHeader, RefusesAHeaderBeyondTheFile) {
  std::string file = safetensors_bytes("{}");
  file[0] = 3;
  expect_corrupt(file, {"the header should have 3 bytes, the file has 2"});
}

TEST(SafetensorsHeader, RefusesAnAbsurdHeaderLength) {
  expect_corrupt(std::string(8, '\xff') + "{}", {"18446744073709551615 bytes is beyond the limit"});
  std::string file = "PK\x03\x04";  // a zip, as .pt files are
  expect_corrupt(file + std::string(100, 'x'), {"not a safetensors file"});
}

TEST(SafetensorsHeader, RefusesAHeaderThatIsNoObject) {
  expect_corrupt_header("[]", {"does not begin with a JSON object"});
  expect_corrupt_header("", {"does not begin with a JSON object"});
  expect_corrupt_header(" {}", {"does not begin with a JSON object"});
  expect_corrupt_header("{", {"not valid JSON near byte"});
  expect_corrupt_header("{} {}", {"not valid JSON near byte"});
  expect_corrupt_header("{\"\xff\":1}", {"not valid JSON near byte"});
}

TEST(SafetensorsHeader, RefusesDeepNesting) {
  expect_corrupt_header("{\"w\":" + std::string(100'000, '['), {"\"w\"", "an array"});
  expect_corrupt_header(one("\"shape\":[[1]]"), {"\"w\"", "an array"});
  expect_corrupt_header(one("\"dtype\":{}"), {"\"w\"", "an object"});
}

TEST(SafetensorsHeader, RefusesDuplicateNames) {
  const std::string w = R"("w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  expect_corrupt_header("{" + w + "," + w + "}", {"tensor \"w\" is named twice"}, 1);
  expect_corrupt_header(one(R"("dtype":"U8","dtype":"U8")"), {"\"w\"", "\"dtype\" appears twice"});
  expect_corrupt_header(one(R"("shape":[],"shape":[])"), {"\"shape\" appears twice"});
  expect_corrupt_header(one(R"("data_offsets":[0,0],"data_offsets":[0,0])"),
                        {"\"data_offsets\" appears twice"});
}

TEST(SafetensorsHeader, RefusesUnknownOrMissingFields) {
  expect_corrupt_header(one(R"("dtype":"X8","shape":[],"data_offsets":[0,1])"), {"dtype \"X8\""},
                        1);
  expect_corrupt_header(one(R"("dtype":7)"), {"a number"});
  expect_corrupt_header(one(R"("shape":"1")"), {"a string"});
  expect_corrupt_header(one(R"("stride":[1])"), {"unknown key \"stride\""});
  expect_corrupt_header(one(R"("shape":[],"data_offsets":[0,1])"), {"dtype is missing"}, 1);
  expect_corrupt_header(one(R"("dtype":"U8","data_offsets":[0,1])"), {"shape is missing"}, 1);
  expect_corrupt_header(one(R"("dtype":"U8","shape":[1])"), {"data_offsets must hold two"}, 1);
  expect_corrupt_header(R"({"w":null})", {"null"});
  expect_corrupt_header(R"({"w":true})", {"a boolean"});
  expect_corrupt_header(R"({"w":1})", {"a number"});
}

TEST(SafetensorsHeader, RefusesDimensionsThatAreNoSizes) {
  expect_corrupt_header(one(R"("dtype":"U8","shape":[-1],"data_offsets":[0,1])"),
                        {"\"shape\" holds the negative number -1"}, 1);
  expect_corrupt_header(one(R"("dtype":"U8","shape":[1.0],"data_offsets":[0,1])"),
                        {"\"1.0\", not a 64-bit integer"}, 1);
  expect_corrupt_header(one(R"("shape":[9223372036854775808])"), {"too large"});
  expect_corrupt_header(one(R"("shape":[99999999999999999999999])"), {"not a 64-bit integer"});
  expect_corrupt_header(one(R"("shape":[null])"), {"null"});
  expect_corrupt_header(one(R"("shape":["1"])"), {"a string"});
}

TEST(SafetensorsHeader, LimitsTheRank) {
  const std::string sixteen =
      R"("dtype":"U8","data_offsets":[0,1],"shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)";
  EXPECT_EQ(parse(safetensors_bytes(one(sixteen + "]"), 1)).entries[0].shape.size(), 16U);
  expect_corrupt_header(one(sixteen + ",1]"), {"more than 16 dimensions"}, 1);
}

TEST(SafetensorsHeader, RefusesShapesWhoseSizeOverflows) {
  const auto with_shape = [](const std::string& shape) {
    return one("\"dtype\":\"F32\",\"data_offsets\":[0,4],\"shape\":" + shape);
  };
  expect_corrupt_header(with_shape("[4294967296,4294967296]"), {"no valid size"}, 4);
  // The product wraps to 1 in 64 bits.
  expect_corrupt_header(with_shape("[3,6148914691236517205,1]"), {"no valid size"}, 4);
  expect_corrupt_header(with_shape("[9223372036854775807]"), {"no valid size"}, 4);
  // A zero does not excuse the others: strides are computed from them.
  expect_corrupt_header(with_shape("[0,4294967296,4294967296]"), {"no valid size"}, 4);
}

TEST(SafetensorsHeader, RefusesSizesThatDisagree) {
  expect_corrupt_header(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])"),
                        {"\"w\"", "takes 8 bytes, its data has 4"}, 4);
  expect_corrupt_header(one(R"("dtype":"F4","shape":[3],"data_offsets":[0,1])"), {"no valid size"},
                        1);
}

TEST(SafetensorsHeader, RefusesBadOffsets) {
  expect_corrupt_header(one(R"("dtype":"U8","shape":[2],"data_offsets":[0,2])"),
                        {"reaches byte 2 of 1", "cut off"}, 1);
  expect_corrupt_header(one(R"("dtype":"U8","shape":[1],"data_offsets":[18446744073709551615,0])"),
                        {"before its begin"}, 1);
  expect_corrupt_header(
      one(R"("dtype":"U8","shape":[1],"data_offsets":[18446744073709551614,18446744073709551615])"),
      {"reaches byte 18446744073709551615"}, 1);
  expect_corrupt_header(one(R"("dtype":"U8","shape":[1],"data_offsets":[1,0])"),
                        {"before its begin"}, 1);
  expect_corrupt_header(one(R"("dtype":"U8","shape":[1],"data_offsets":[-1,0])"), {"negative"}, 1);
  expect_corrupt_header(one(R"("dtype":"U8","shape":[1],"data_offsets":[0])"), {"must hold two"},
                        1);
  expect_corrupt_header(one(R"("dtype":"U8","shape":[1],"data_offsets":[0,1,1])"),
                        {"more than two"}, 1);
}

TEST(SafetensorsHeader, RefusesOverlap) {
  expect_corrupt_header(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                        R"("b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
                        {"tensor \"b\"", "overlaps that of \"a\""}, 3);
  expect_corrupt_header(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                        R"("b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})",
                        {"overlaps"}, 2);
}

TEST(SafetensorsHeader, RefusesHoles) {
  expect_corrupt_header(one(R"("dtype":"U8","shape":[1],"data_offsets":[1,2])"),
                        {"1 unused bytes lie before its data"}, 2);
  expect_corrupt_header(one(R"("dtype":"U8","shape":[1],"data_offsets":[0,1])"),
                        {"2 bytes follow the last tensor"}, 3);
  expect_corrupt_header("{}", {"1 bytes follow"}, 1);
}

TEST(SafetensorsHeader, RefusesMetadataThatIsNoStringMap) {
  expect_corrupt_header(R"({"__metadata__":7})", {"__metadata__ is a number"});
  expect_corrupt_header(R"({"__metadata__":["a"]})", {"__metadata__ is an array"});
  expect_corrupt_header(R"({"__metadata__":{"a":1}})", {"key \"a\" holds a number"});
  expect_corrupt_header(R"({"__metadata__":{"a":{}}})", {"key \"a\" holds an object"});
  expect_corrupt_header(R"({"__metadata__":{"a":"1","a":"2"}})", {"the key \"a\" twice"});
}

TEST(SafetensorsHeader, HostileNamesAreCutAndEscapedInMessages) {
  const std::string name = "\\u001b[31m" + std::string(5000, 'n');
  try {
    parse(safetensors_bytes("{\"" + name + "\":1}"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_LT(std::string_view(error.what()).size(), 500U);
    EXPECT_EQ(std::string_view(error.what()).find('\x1b'), std::string_view::npos);
  }
}

TEST(TensorByteSize, AtTheBorder) {
  uint64_t bytes = 0;
  constexpr int64_t most = std::numeric_limits<int64_t>::max() / 8;
  EXPECT_TRUE(tensor_byte_size(StorageType::u8, std::vector<int64_t>{most}, bytes));
  EXPECT_EQ(bytes, static_cast<uint64_t>(most));
  EXPECT_FALSE(tensor_byte_size(StorageType::u8, std::vector<int64_t>{most + 1}, bytes));
  EXPECT_FALSE(tensor_byte_size(StorageType::u8, std::vector<int64_t>{-1}, bytes));
}

}  // namespace
}  // namespace tarn
