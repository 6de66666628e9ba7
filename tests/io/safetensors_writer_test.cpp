#include "tarn/io/safetensors_writer.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <limits>
#include <numeric>

#include "tarn/base/file.h"
#include "tarn/io/checkpoint.h"
#include "tests/io/safetensors_files.h"

namespace tarn {
namespace {

using testing::expect_error;
using testing::TemporaryFolder;

std::vector<std::byte> ramp(size_t size, int start = 0) {
  std::vector<std::byte> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(start + static_cast<int>(i));
  return bytes;
}

std::vector<std::byte> content(const TensorInfo& info) {
  return {info.bytes.begin(), info.bytes.end()};
}

size_t files_in(const TemporaryFolder& folder) {
  const std::filesystem::directory_iterator files(folder.path());
  return static_cast<size_t>(std::distance(begin(files), end(files)));
}

TEST(SafetensorsWriter, LargerAlignmentsHold) {
  const TemporaryFolder folder;
  const auto path = folder / "x.safetensors";
  SafetensorsWriter writer(path, {{"small", StorageType::f32, {1}},
                                  {"a", StorageType::u8, {8192}, 4096},
                                  {"b", StorageType::u8, {4096}, 4096}});
  writer.append("small", ramp(4));
  writer.append("a", ramp(8192));
  writer.append("b", ramp(4096, 7));
  writer.finish();
  const auto file = SafetensorsFile::open(path);
  for (const char* name : {"a", "b"}) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(file.tensor(name).bytes.data()) % 4096, 0U) << name;
  }
  EXPECT_EQ(content(file.tensor("b")), ramp(4096, 7));
  expect_error(ErrorCode::invalid_argument, {"\"a\"", "4096"}, [&] {
    SafetensorsWriter(folder / "y.safetensors", {{"a", StorageType::u8, {100}, 4096}});
  });
}

TEST(SafetensorsWriter, RoundTripAlignsWhateverTheOrder) {
  const TemporaryFolder folder;
  const auto path = folder / "x.safetensors";
  SafetensorsWriter writer(path,
                           {{"codes", StorageType::u8, {3}},
                            {"f64", StorageType::f64, {1}},
                            {"empty", StorageType::i32, {0, 4}},
                            {"bf16", StorageType::bf16, {1, 3}}},
                           {{"who", "test \"quoted\""}});
  writer.append("bf16", ramp(2));
  writer.append("codes", ramp(3, 50));
  writer.append("bf16", ramp(4, 2));
  writer.append("f64", ramp(8, 100));
  EXPECT_FALSE(std::filesystem::exists(path));
  writer.finish();
  const auto file = SafetensorsFile::open(path);
  EXPECT_EQ(file.metadata().at("who"), "test \"quoted\"");
  EXPECT_EQ(content(file.tensor("codes")), ramp(3, 50));
  EXPECT_EQ(content(file.tensor("bf16")), ramp(6));
  EXPECT_EQ(content(file.tensor("f64")), ramp(8, 100));
  EXPECT_EQ(file.tensor("empty").shape, (std::vector<int64_t>{0, 4}));
  for (const TensorInfo& info : file.tensors()) EXPECT_TRUE(info.aligned()) << info.name;
  EXPECT_EQ(std::filesystem::file_size(path), writer.file_bytes());
  EXPECT_EQ(static_cast<unsigned char>(read_file(path)[0]) % 8, 0);  // the header's length
  EXPECT_EQ(files_in(folder), 1U);
}

TEST(SafetensorsWriter, ABrokenWriteLeavesNothing) {
  const TemporaryFolder folder;
  {
    SafetensorsWriter writer(folder / "x.safetensors", {{"w", StorageType::u8, {8}}});
    writer.append("w", ramp(4));
    EXPECT_EQ(files_in(folder), 1U);  // the temporary file
    expect_error(ErrorCode::invalid_argument, {"tensor \"w\" lacks 4 bytes"},
                 [&] { writer.finish(); });
  }
  EXPECT_EQ(files_in(folder), 0U);
}

TEST(SafetensorsWriter, ReplacesAnOlderFileOnlyWhenFinished) {
  const TemporaryFolder folder;
  testing::write(folder / "x.safetensors", "old");
  { const SafetensorsWriter writer(folder / "x.safetensors", {{"w", StorageType::u8, {1}}}); }
  EXPECT_EQ(read_file(folder / "x.safetensors"), "old");
}

TEST(SafetensorsWriter, RefusesWrongUse) {
  const TemporaryFolder folder;
  const auto open = [&](std::vector<TensorSpec> tensors) {
    const SafetensorsWriter writer(folder / "x.safetensors", std::move(tensors));
  };
  constexpr auto code = ErrorCode::invalid_argument;
  const TensorSpec w{"w", StorageType::u8, {2}};
  expect_error(code, {"\"w\" is declared twice"}, [&] { open({w, w}); });
  expect_error(code, {"cannot name a tensor"}, [&] { open({{"", StorageType::u8, {1}}}); });
  expect_error(code, {"cannot name a tensor"}, [&] {
    open({{"__metadata__", StorageType::u8, {1}}});
  });
  expect_error(code, {"shape [-1] of U8"}, [&] { open({{"w", StorageType::u8, {-1}}}); });
  expect_error(code, {"cannot be stored"}, [&] {
    open({{"w", StorageType::u8, std::vector<int64_t>(17, 1)}});
  });
  expect_error(code, {"cannot be stored"}, [&] {
    open({{"w", StorageType::f32, {int64_t{1} << 40, int64_t{1} << 40}}});
  });
  expect_error(code, {"not valid UTF-8"}, [&] { open({{"\xff", StorageType::u8, {1}}}); });
  SafetensorsWriter writer(folder / "x.safetensors", {w});
  expect_error(code, {"\"v\" was not declared"}, [&] { writer.append("v", ramp(1)); });
  writer.append("w", ramp(1));
  expect_error(code, {"room for 1 more bytes, 2 were given"}, [&] { writer.append("w", ramp(2)); });
}

TEST(SafetensorsWriter, ReportsAFolderThatIsMissing) {
  const TemporaryFolder folder;
  expect_error(ErrorCode::io,
               {"none/x.safetensors", "cannot create", "check that the folder exists"},
               [&] { SafetensorsWriter(folder / "none/x.safetensors", {}); });
}

TEST(SafetensorsWriter, RefusesWhatTheDiskCannotHoldBeforeWriting) {
  const TemporaryFolder folder;
  expect_error(ErrorCode::io, {"bytes to write", "free some space"}, [&] {
    SafetensorsWriter(folder / "x.safetensors", {{"w", StorageType::u8, {int64_t{1} << 58}}});
  });
  EXPECT_EQ(files_in(folder), 0U);
}

// The system's limit on a file's size stands in for a disk that fills up on the way.
TEST(SafetensorsWriter, ReportsADiskThatFillsUp) {
  const TemporaryFolder folder;
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old_limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  {
    SafetensorsWriter writer(folder / "x.safetensors", {{"w", StorageType::u8, {1 << 20}}});
    rlimit limit = old_limit;
    limit.rlim_cur = 4096;
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    expect_error(ErrorCode::io, {"x.safetensors", "cannot write", "free some space"},
                 [&] { writer.append("w", std::vector<std::byte>(1 << 20)); });
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old_limit), 0);
  }
  std::signal(SIGXFSZ, old_handler);
  EXPECT_EQ(files_in(folder), 0U);
}

TEST(CheckpointWriter, OneFileWhileItFits) {
  const TemporaryFolder folder;
  CheckpointWriter writer(folder / "out/model",
                          {{"a", StorageType::u8, {4}}, {"b", StorageType::u8, {4}}}, {}, 8);
  EXPECT_EQ(writer.shard_count(), 1U);
  writer.append("a", ramp(4));
  writer.append("b", ramp(4));
  writer.finish();
  EXPECT_TRUE(std::filesystem::exists(folder / "out/model/model.safetensors"));
  EXPECT_FALSE(std::filesystem::exists(folder / "out/model/model.safetensors.index.json"));
}

TEST(CheckpointWriter, ShardsAsHuggingFaceNamesThem) {
  const TemporaryFolder folder;
  CheckpointWriter writer(folder.path(),
                          {{"a", StorageType::u8, {4}},
                           {"b", StorageType::u8, {20}},  // larger than a shard
                           {"c", StorageType::u8, {4}},
                           {"d", StorageType::u8, {4}}},
                          kDefaultMetadata, 8);
  EXPECT_EQ(writer.shard_count(), 3U);
  writer.append("d", ramp(4, 40));
  writer.append("b", ramp(20, 20));
  writer.append("a", ramp(4, 10));
  writer.append("c", ramp(4, 30));
  EXPECT_FALSE(std::filesystem::exists(folder / "model-00001-of-00003.safetensors"));
  writer.finish();
  const auto checkpoint = Checkpoint::open(folder.path());
  ASSERT_EQ(checkpoint.files().size(), 3U);
  EXPECT_EQ(checkpoint.files()[2].path().filename(), "model-00003-of-00003.safetensors");
  EXPECT_EQ(content(checkpoint.tensor("a")), ramp(4, 10));
  EXPECT_EQ(content(checkpoint.tensor("b")), ramp(20, 20));
  EXPECT_EQ(content(checkpoint.tensor("c")), ramp(4, 30));
  EXPECT_EQ(content(checkpoint.tensor("d")), ramp(4, 40));
  EXPECT_TRUE(checkpoint.warnings().empty());
  EXPECT_NE(read_file(folder / "model.safetensors.index.json").find("\"total_size\": 32"),
            std::string::npos);
  EXPECT_EQ(files_in(folder), 4U);
}

TEST(CheckpointWriter, AnUnfinishedShardKeepsAllAway) {
  const TemporaryFolder folder;
  {
    CheckpointWriter writer(folder.path(),
                            {{"a", StorageType::u8, {8}}, {"b", StorageType::u8, {8}}}, {}, 8);
    writer.append("a", ramp(8));
    expect_error(ErrorCode::invalid_argument, {"\"b\" lacks 8 bytes"}, [&] { writer.finish(); });
  }
  EXPECT_EQ(files_in(folder), 0U);
}

TEST(CheckpointWriter, RefusesAFolderThatHoldsWeights) {
  const TemporaryFolder folder;
  testing::write(folder / "model.safetensors", "old");
  expect_error(ErrorCode::invalid_argument, {"already holds weights", "model.safetensors"}, [&] {
    CheckpointWriter(folder.path(), {{"a", StorageType::u8, {8}}});
  });
  EXPECT_EQ(read_file(folder / "model.safetensors"), "old");
}

}  // namespace
}  // namespace tarn
