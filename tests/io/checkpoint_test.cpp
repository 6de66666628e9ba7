#include "tarn/io/checkpoint.h"

#include <gtest/gtest.h>

#include <cstring>
#include <utility>

#include "tests/io/safetensors_files.h"

namespace tarn {
namespace {

using testing::expect_error;
using testing::safetensors_bytes;
using testing::TemporaryFolder;
using testing::write;

const std::string kA = safetensors_bytes(
    R"({"__metadata__":{"format":"pt"},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 2);
const std::string kB =
    safetensors_bytes(R"({"b":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}})", 3);

void write_index(const TemporaryFolder& folder, const std::string& weight_map) {
  write(folder / "model.safetensors.index.json",
        R"({"metadata":{"total_size":5},"weight_map":)" + weight_map + "}");
}

TEST(SafetensorsFile, ReadsAGoldenModelInPlace) {
  const auto file = SafetensorsFile::open(std::filesystem::path(TARN_TEST_DATA) /
                                          "golden/llama/model.safetensors");
  const TensorInfo& embedding = file.tensor("model.embed_tokens.weight");
  EXPECT_EQ(embedding.type, StorageType::bf16);
  EXPECT_EQ(embedding.shape, (std::vector<int64_t>{512, 64}));
  EXPECT_EQ(embedding.bytes.size(), 512U * 64 * 2);
  EXPECT_EQ(embedding.element_count(), 512U * 64);
  EXPECT_TRUE(embedding.aligned());
  const auto all = embedding.owner->bytes();
  EXPECT_GE(embedding.bytes.data(), all.data());
  EXPECT_LE(embedding.bytes.data() + embedding.bytes.size(), all.data() + all.size());
}

TEST(SafetensorsFile, SaysWhenATensorIsNotAligned) {
  const TemporaryFolder folder;
  std::string header = R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  write(folder / "aligned.safetensors", safetensors_bytes(header, 4));
  write(folder / "odd.safetensors", safetensors_bytes(header + " ", 4));
  EXPECT_TRUE(SafetensorsFile::open(folder / "aligned.safetensors").tensor("w").aligned());
  EXPECT_FALSE(SafetensorsFile::open(folder / "odd.safetensors").tensor("w").aligned());
}

TEST(SafetensorsFile, KnowsUnsupportedTypesButDoesNotServeThem) {
  const TemporaryFolder folder;
  write(folder / "x.safetensors",
        safetensors_bytes(R"({"w":{"dtype":"F8_E5M2","shape":[4],"data_offsets":[0,4]}})", 4));
  const auto file = SafetensorsFile::open(folder / "x.safetensors");
  ASSERT_NE(file.find("w"), nullptr);
  EXPECT_EQ(file.find("w")->element_count(), 4U);
  expect_error(ErrorCode::unsupported, {"x.safetensors", "\"w\"", "F8_E5M2", "convert it"},
               [&] { file.tensor("w"); });
}

TEST(SafetensorsFile, MissingFilesAndTensorsAreNotFound) {
  const TemporaryFolder folder;
  write(folder / "a.safetensors", kA);
  const auto file = SafetensorsFile::open(folder / "a.safetensors");
  EXPECT_EQ(file.find("nope"), nullptr);
  expect_error(ErrorCode::not_found, {"a.safetensors", "\"nope\""}, [&] { file.tensor("nope"); });
  expect_error(ErrorCode::not_found, {"none.safetensors"},
               [&] { SafetensorsFile::open(folder / "none.safetensors"); });
  write(folder / "empty.safetensors", "");
  expect_error(ErrorCode::corrupt, {"0 bytes are too few"},
               [&] { SafetensorsFile::open(folder / "empty.safetensors"); });
}

TEST(Checkpoint, OpensASingleFileAFolderAndSurvivesMoving) {
  const TemporaryFolder folder;
  write(folder / "model.safetensors", kA);
  EXPECT_EQ(Checkpoint::open(folder / "model.safetensors").tensors().size(), 1U);
  Checkpoint first = Checkpoint::open(folder.path());
  const Checkpoint moved = std::move(first);
  EXPECT_EQ(moved.tensor("a").bytes.size(), 2U);
  EXPECT_EQ(moved.metadata().at("format"), "pt");
}

TEST(Checkpoint, OpensShards) {
  const TemporaryFolder folder;
  write(folder / "model-00001-of-00002.safetensors", kB);
  write(folder / "model-00002-of-00002.safetensors", kA);
  write_index(folder,
              R"({"a":"model-00002-of-00002.safetensors","b":"model-00001-of-00002.safetensors"})");
  const auto checkpoint = Checkpoint::open(folder.path());
  EXPECT_EQ(checkpoint.files().size(), 2U);
  EXPECT_EQ(checkpoint.tensor("a").bytes.size(), 2U);
  EXPECT_EQ(checkpoint.tensor("b").bytes.size(), 3U);
  EXPECT_EQ(checkpoint.total_bytes(), 5U);
  EXPECT_EQ(checkpoint.names(), (std::vector<std::string_view>{"a", "b"}));
  EXPECT_EQ(checkpoint.tensors()[0]->name, "b");
  EXPECT_TRUE(checkpoint.warnings().empty());
  EXPECT_EQ(checkpoint.metadata().at("format"), "pt");
  EXPECT_EQ(checkpoint.find("c"), nullptr);
  expect_error(ErrorCode::not_found, {"\"c\""}, [&] { checkpoint.tensor("c"); });
}

TEST(Checkpoint, SaysWhatAFolderLacks) {
  const TemporaryFolder folder;
  expect_error(ErrorCode::not_found, {"neither model.safetensors nor"},
               [&] { Checkpoint::open(folder.path()); });
  expect_error(ErrorCode::not_found, {"missing-model: no such file or folder"},
               [&] { Checkpoint::open(folder / "missing-model"); });
}

TEST(Checkpoint, MissingShard) {
  const TemporaryFolder folder;
  write(folder / "a.safetensors", kA);
  write_index(folder, R"({"a":"a.safetensors","b":"b.safetensors"})");
  expect_error(ErrorCode::not_found, {"b.safetensors", "it is missing", "download"},
               [&] { Checkpoint::open(folder.path()); });
}

TEST(Checkpoint, ShardNamesCannotLeaveTheFolder) {
  const TemporaryFolder folder;
  for (const char* name : {"../a.safetensors", "/etc/a.safetensors", "x/a.safetensors", "..", "",
                           "..\\\\a.safetensors", "C:a.safetensors",
                           "a.safetensors\\u0000.safetensors", "config.json"}) {
    write_index(folder, std::string(R"({"a":")") + name + "\"}");
    expect_error(ErrorCode::corrupt, {"shard name", "not a plain .safetensors file name"},
                 [&] { Checkpoint::open(folder.path()); });
  }
}

TEST(Checkpoint, ListedTensorThatIsAbsentOrElsewhere) {
  const TemporaryFolder folder;
  write(folder / "a.safetensors", kA);
  write(folder / "b.safetensors", kB);
  write_index(folder, R"({"a":"a.safetensors","b":"b.safetensors","c":"b.safetensors"})");
  expect_error(ErrorCode::corrupt, {"tensor \"c\" is not in the shard \"b.safetensors\""},
               [&] { Checkpoint::open(folder.path()); });
  write_index(folder, R"({"a":"b.safetensors","b":"a.safetensors"})");
  expect_error(ErrorCode::corrupt, {"tensor \"a\" is not in the shard \"b.safetensors\""},
               [&] { Checkpoint::open(folder.path()); });
}

TEST(Checkpoint, TensorInTwoShards) {
  const TemporaryFolder folder;
  write(folder / "a.safetensors", kA);
  write(folder / "b.safetensors",
        safetensors_bytes(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                          R"("b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
                          2));
  write_index(folder, R"({"a":"a.safetensors","b":"b.safetensors"})");
  expect_error(ErrorCode::corrupt, {"b.safetensors: tensor \"a\" is also in", "a.safetensors"},
               [&] { Checkpoint::open(folder.path()); });
}

TEST(Checkpoint, UnlistedTensorIsKeptWithAWarning) {
  const TemporaryFolder folder;
  write(folder / "ab.safetensors",
        safetensors_bytes(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                          R"("b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
                          2));
  write_index(folder, R"({"a":"ab.safetensors"})");
  const auto checkpoint = Checkpoint::open(folder.path());
  EXPECT_NE(checkpoint.find("b"), nullptr);
  ASSERT_EQ(checkpoint.warnings().size(), 1U);
  EXPECT_NE(checkpoint.warnings()[0].find("1 tensors of the shards are not in the index"),
            std::string::npos);
  EXPECT_NE(checkpoint.warnings()[0].find("\"b\""), std::string::npos);
}

TEST(Checkpoint, BrokenIndex) {
  const TemporaryFolder folder;
  const auto open = [&] { Checkpoint::open(folder.path()); };
  for (const char* text : {"[]", "7", "{}", R"({"weight_map":[]})", R"({"weight_map":"x"})"}) {
    write(folder / "model.safetensors.index.json", text);
    expect_error(ErrorCode::corrupt, {"index.json", "no \"weight_map\" object"}, open);
  }
  write(folder / "model.safetensors.index.json", R"({"weight_map":{"a":7}})");
  expect_error(ErrorCode::corrupt, {"tensor \"a\" is not a file name"}, open);
  write(folder / "model.safetensors.index.json", R"({"weight_map":{"a":"x.safetensors",)");
  expect_error(ErrorCode::corrupt, {"not valid JSON"}, open);
  write(folder / "model.safetensors.index.json",
        R"({"weight_map":{"a":"x.safetensors","a":"y.safetensors"}})");
  expect_error(ErrorCode::corrupt, {"appears twice"}, open);
}

}  // namespace
}  // namespace tarn
