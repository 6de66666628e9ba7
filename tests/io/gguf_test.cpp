#include "tarn/io/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <vector>

#include "tarn/base/error.h"
#include "tarn/io/gguf_writer.h"
#include "tests/io/gguf_bytes.h"
#include "tests/io/safetensors_files.h"

namespace tarn {
namespace {

using testing::GgufBytes;
using ::testing::HasSubstr;
using testing::TemporaryFolder;

void write(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string refusal(const std::filesystem::path& path) {
  try {
    GgufFile::open(path);
  } catch (const Error& error) {
    return error.what();
  }
  return "it was taken";
}

// Made by gguf-py with every type of metadata (tests/data/gguf/make_files.py).
TEST(GgufFile, ReadsWhatGgufPyWrites) {
  const GgufFile file = GgufFile::open(TARN_TEST_DATA "/gguf/all_types.gguf");
  EXPECT_EQ(file.version(), 3U);
  EXPECT_EQ(file.alignment(), 64U);
  EXPECT_EQ(file.architecture(), "llama");
  EXPECT_EQ(file.get_int("t.u8"), 200);
  EXPECT_EQ(file.get_int("t.i8"), -100);
  EXPECT_EQ(file.get_int("t.u16"), 60000);
  EXPECT_EQ(file.get_int("t.i16"), -30000);
  EXPECT_EQ(file.get_int("t.u32"), 4000000000);
  EXPECT_EQ(file.get_int("t.i32"), -2000000000);
  EXPECT_EQ(file.get_int("t.u64"), int64_t{1} << 62);
  EXPECT_EQ(file.get_int("t.i64"), -(int64_t{1} << 62));
  EXPECT_EQ(file.get_float("t.f32"), 0.5);
  EXPECT_EQ(file.get_float("t.f64"), 1e300);
  EXPECT_EQ(file.get_float("t.u8"), 200.0);
  EXPECT_EQ(file.get_bool("t.bool"), true);
  EXPECT_EQ(file.get_string("t.text"), "gr\xc3\xbc\xc3\x9f");
  const auto* texts = file.get_array("t.texts");
  ASSERT_NE(texts, nullptr);
  EXPECT_EQ(std::get<std::vector<std::string_view>>(texts->values),
            (std::vector<std::string_view>{"a", "", "ccc"}));
  const auto* numbers = file.get_array("t.numbers");
  ASSERT_NE(numbers, nullptr);
  EXPECT_EQ(std::get<std::vector<int64_t>>(numbers->values), (std::vector<int64_t>{1, -2, 3}));
  EXPECT_EQ(file.get_int("nothing"), std::nullopt);
  EXPECT_THROW(static_cast<void>(file.get_int("t.text")), Error);
  EXPECT_THROW(static_cast<void>(file.get_string("t.u8")), Error);
  EXPECT_THROW(static_cast<void>(file.get_array("t.u8")), Error);
  const GgufTensor* dense = file.find_tensor("dense");
  ASSERT_NE(dense, nullptr);
  EXPECT_EQ(dense->shape, (std::vector<int64_t>{2, 3}));
  float last;
  std::memcpy(&last, dense->bytes.data() + 5 * sizeof(float), sizeof(float));
  EXPECT_EQ(last, 5.0F);
  const GgufTensor* blocks = file.find_tensor("blocks");
  ASSERT_NE(blocks, nullptr);
  EXPECT_EQ(blocks->type, quant::GgmlType::q8_0);
  EXPECT_EQ(blocks->shape, (std::vector<int64_t>{2, 64}));
  EXPECT_EQ(blocks->bytes.size(), 2U * 2 * 34);
}

TEST(GgufFile, RoundTrip) {
  const TemporaryFolder folder;
  GgufMetadata metadata;
  metadata.add_string("general.architecture", "qwen3");
  metadata.add_u64("big", uint64_t{1} << 63);
  metadata.add_f32("half", 0.5F);
  metadata.add_bool("yes", true);
  metadata.add_strings("tokens", {"a", "bb", ""});
  metadata.add_i32s("types", {1, -1});
  metadata.add_bools("flags", {true, false, true});
  EXPECT_THROW(metadata.add_u32("half", 1), Error);
  GgufWriter writer(folder / "m.gguf", metadata,
                    {{"x", quant::GgmlType::f32, {3}}, {"y", quant::GgmlType::q4_0, {2, 32}}});
  const std::vector<float> x = {1, 2, 3};
  writer.write(std::as_bytes(std::span(x)));
  EXPECT_THROW(writer.finish(), Error);
  EXPECT_FALSE(std::filesystem::exists(folder / "m.gguf"));
  const std::vector<uint8_t> y(36, 7);
  writer.write(std::as_bytes(std::span(y).first(10)));
  writer.write(std::as_bytes(std::span(y).subspan(10)));
  EXPECT_THROW(writer.write(std::as_bytes(std::span(y).first(1))), Error);
  writer.finish();
  const GgufFile file = GgufFile::open(folder / "m.gguf");
  EXPECT_EQ(file.architecture(), "qwen3");
  EXPECT_THROW(static_cast<void>(file.get_int("big")), Error);  // beyond int64
  EXPECT_EQ(file.get_array("tokens")->size(), 3U);
  EXPECT_EQ(std::memcmp(file.find_tensor("x")->bytes.data(), x.data(), 12), 0);
  EXPECT_EQ(std::memcmp(file.find_tensor("y")->bytes.data(), y.data(), 36), 0);
  EXPECT_TRUE(is_gguf(folder / "m.gguf"));
}

TEST(GgufWriter, RefusesWhatCannotBeRead) {
  const TemporaryFolder folder;
  const auto refused = [&](std::vector<GgufTensorSpec> specs) {
    EXPECT_THROW(GgufWriter(folder / "m.gguf", {}, std::move(specs)), Error);
  };
  using quant::GgmlType;
  refused({{"a", GgmlType::f32, {1}}, {"a", GgmlType::f32, {1}}});
  refused({{std::string(64, 'a'), GgmlType::f32, {1}}});
  refused({{"a", GgmlType::q4_0, {31}}});
  refused({{"a", GgmlType::f32, {1, 1, 1, 1, 1}}});
  refused({{"a", GgmlType::f32, {0}}});
}

std::string part(uint32_t number, uint32_t count, std::string_view tensor, uint32_t tensors = 2) {
  return GgufBytes()
      .start(1, 3)
      .text("split.no")
      .u32(2)
      .put(static_cast<uint16_t>(number))
      .text("split.count")
      .u32(2)
      .put(static_cast<uint16_t>(count))
      .text("split.tensors.count")
      .u32(5)
      .put(static_cast<int32_t>(tensors))
      .tensor(tensor, {8}, 0, 0)
      .data(32)
      .string();
}

TEST(GgufSplit, AnyPartOpensAll) {
  const TemporaryFolder folder;
  write(folder / "m-00001-of-00002.gguf", part(0, 2, "a"));
  write(folder / "m-00002-of-00002.gguf", part(1, 2, "b"));
  for (const char* name : {"m-00001-of-00002.gguf", "m-00002-of-00002.gguf"}) {
    const GgufFile file = GgufFile::open(folder / name);
    EXPECT_EQ(file.parts(), 2U);
    EXPECT_NE(file.find_tensor("a"), nullptr);
    EXPECT_NE(file.find_tensor("b"), nullptr);
  }
}

TEST(GgufSplit, PartsThatDoNotFitAreNamed) {
  const TemporaryFolder folder;
  const auto first = folder / "m-00001-of-00002.gguf";
  const auto second = folder / "m-00002-of-00002.gguf";
  write(first, part(0, 2, "a"));
  EXPECT_THAT(refusal(first), HasSubstr("m-00002-of-00002.gguf: it is part 2 of a model in 2"));
  write(second, part(0, 2, "b"));  // says that it is the first: a cycle
  EXPECT_THAT(refusal(first), HasSubstr("by its content it is not"));
  write(second, part(1, 3, "b"));
  EXPECT_THAT(refusal(first), HasSubstr("by its content it is not"));
  write(second, part(1, 2, "a"));
  EXPECT_THAT(refusal(first), HasSubstr("stands in two parts"));
  write(second, part(1, 2, "b", 2));
  write(first, part(0, 2, "a", 9));
  EXPECT_THAT(refusal(first), HasSubstr("the first one promises 9"));
  write(first, part(5, 2, "a"));
  EXPECT_THAT(refusal(first), HasSubstr("part 6 of 2"));
  write(folder / "renamed.gguf", part(0, 2, "a"));
  EXPECT_THAT(refusal(folder / "renamed.gguf"), HasSubstr("give it its own name again"));
}

}  // namespace
}  // namespace tarn
