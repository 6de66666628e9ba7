#include "tarn/compress/pack.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tarn/base/file.h"
#include "tarn/compress/quantize.h"
#include "tarn/io/checkpoint.h"
#include "tarn/io/safetensors_writer.h"
#include "tarn/memory/pool.h"
#include "tarn/models/model.h"
#include "tarn/models/packed.h"
#include "tests/io/safetensors_files.h"

namespace tarn::compress {
namespace {

namespace fs = std::filesystem;
using tarn::testing::expect_error;
using tarn::testing::TemporaryFolder;

fs::path golden(const std::string& name) { return fs::path(TARN_TEST_DATA) / "golden" / name; }

void quantize(const fs::path& in, const fs::path& out, const char* format) {
  quantize_model(in, out, {quant::parse_format(format), {}}, {.allow_fallback = true});
}

std::vector<float> logits(const fs::path& folder, bool exact) {
  const auto model = load_model(folder, {.exact = exact});
  Cache cache = model->make_cache();
  return model->forward({1, 2, 3, 4, 5, 6, 7}, cache, LogitsFor::all_tokens).to_vector<float>();
}

class Pack : public ::testing::TestWithParam<const char*> {};

TEST_P(Pack, ChangesNoBitOfTheResultsAndCopiesNothing) {
  for (const char* format : {"affine:4:32", "affine:6:32", "affine:3:32", "affine:8:32"}) {
    SCOPED_TRACE(format);
    const TemporaryFolder folder;
    quantize(golden(GetParam()), folder / "q", format);
    const PackReport report = pack_model(folder / "q", folder / "p");
    EXPECT_GT(report.matrices, 4U);
    EXPECT_EQ(logits(folder / "q", false), logits(folder / "p", false));
    EXPECT_EQ(logits(folder / "q", true), logits(folder / "p", true));

    const memory::Stats before = memory::stats();
    const auto model = load_model(folder / "p");
    const memory::Stats loaded = memory::stats();
    EXPECT_EQ(loaded.copied, before.copied);
    // A few values derived from the vectors, and convolutions turned to lie tap by tap.
    EXPECT_LE(loaded.active - before.active, 8192U);
    EXPECT_GE(loaded.borrowed - before.borrowed, static_cast<size_t>(model->size().weight_bytes));
    const auto source = load_model(folder / "q");
    EXPECT_EQ(model->size().parameters, source->size().parameters);
    EXPECT_EQ(model->size().weight_bytes, source->size().weight_bytes);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, Pack, ::testing::Values("llama", "qwen2", "qwen3", "qwen3_5"),
                         [](const auto& family) { return std::string(family.param); });

TEST(PackFolder, HoldsAllOfTheModelAndPanelsOnPages) {
  const TemporaryFolder folder;
  quantize(golden("qwen3"), folder / "q", "affine:4:32");
  testing::write(folder / "q" / "chat_template.jinja", "{{ messages }}");
  pack_model(folder / "q", folder / "p");
  for (const char* name : {"config.json", "generation_config.json", "chat_template.jinja"}) {
    EXPECT_EQ(read_file(folder / "q" / name), read_file(folder / "p" / name)) << name;
  }
  const Checkpoint checkpoint = Checkpoint::open(folder / "p");
  EXPECT_TRUE(is_packed(checkpoint));
  size_t panels = 0;
  for (const TensorInfo* info : checkpoint.tensors()) {
    const auto offset = static_cast<size_t>(info->bytes.data() - info->owner->bytes().data());
    EXPECT_TRUE(info->aligned()) << info->name;
    if (!info->name.ends_with(packed_suffix)) continue;
    ++panels;
    EXPECT_EQ(offset % packed_alignment, 0U) << info->name;
    const PackedMatrix matrix = packed_matrix(checkpoint, *info);
    EXPECT_EQ(matrix.format.bits, 4);
    EXPECT_EQ(matrix.format.group_size, 32);
  }
  EXPECT_GT(panels, 4U);
}

TEST(PackFolder, RefusesWhatItCannotPack) {
  const TemporaryFolder folder;
  quantize(golden("llama"), folder / "q", "affine:4:32");
  pack_model(folder / "q", folder / "p");
  expect_error(ErrorCode::invalid_argument, {"packed already"},
               [&] { pack_model(folder / "p", folder / "x"); });
  expect_error(ErrorCode::invalid_argument, {"no quantized weights", "tarn quantize"},
               [&] { pack_model(golden("llama"), folder / "x"); });
  expect_error(ErrorCode::invalid_argument, {"is the input itself"},
               [&] { pack_model(folder / "q", folder / "q"); });
  expect_error(ErrorCode::invalid_argument, {"not empty"},
               [&] { pack_model(folder / "q", folder / "p"); });
  expect_error(ErrorCode::invalid_argument, {"quantized already"},
               [&] { quantize(folder / "p", folder / "x", "affine:4:32"); });
  EXPECT_FALSE(fs::exists(folder / "x"));
}

// A packed file whose parts do not belong together is refused before any of it is read.
class BrokenPack : public ::testing::Test {
 protected:
  void SetUp() override {
    quantize(golden("llama"), folder_ / "q", "affine:4:32");
    pack_model(folder_ / "q", folder_ / "p");
  }

  // The packed folder with other metadata: `change` gets the map.
  template <typename Change>
  fs::path with_metadata(Change&& change) {
    fs::path out = folder_ / "broken";
    fs::remove_all(out);
    fs::create_directory(out);
    fs::copy_file(folder_ / "p" / "config.json", out / "config.json");
    const Checkpoint source = Checkpoint::open(folder_ / "p");
    SafetensorsMetadata metadata = source.metadata();
    change(metadata);
    std::vector<TensorSpec> specs;
    for (const TensorInfo* info : source.tensors()) {
      specs.push_back({info->name, info->type, info->shape,
                       info->name.ends_with(packed_suffix) ? packed_alignment : 0});
    }
    SafetensorsWriter writer(out / "model.safetensors", specs, metadata);
    for (const TensorInfo* info : source.tensors()) writer.append(info->name, info->bytes);
    writer.finish();
    return out;
  }

  TemporaryFolder folder_;
  const std::string name_ = "model.layers.0.mlp.up_proj.panels";
};

TEST_F(BrokenPack, MetadataMustFit) {
  EXPECT_NO_THROW(load_model(with_metadata([](auto&) {})));
  expect_error(ErrorCode::unsupported, {"portable.9", packed_layout}, [&] {
    load_model(with_metadata([](auto& m) { m[packed_layout_key] = "portable.9"; }));
  });
  expect_error(ErrorCode::corrupt, {"nothing describes", "tarn pack"},
               [&] { load_model(with_metadata([&](auto& m) { m.erase(name_); })); });
  expect_error(ErrorCode::corrupt, {"nothing describes"},
               [&] { load_model(with_metadata([](auto& m) { m.erase(packed_layout_key); })); });
  // Another matrix of as many bytes.
  expect_error(ErrorCode::corrupt, {"up_proj", "config.json asks for"}, [&] {
    load_model(with_metadata([&](auto& m) {
      const TensorInfo info = Checkpoint::open(folder_ / "p").tensor(name_);
      PackedMatrix matrix = parse_packed_matrix(m.at(name_), info.bytes.size(), name_);
      matrix.rows *= 2;
      matrix.columns /= 2;
      m[name_] = matrix.description();
    }));
  });
}

}  // namespace
}  // namespace tarn::compress
