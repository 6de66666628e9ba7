// `tarn pack` end to end: the packed folder answers as its source does, and info tells it apart.
#include <gtest/gtest.h>

#include <string>

#include "tarn/base/json.h"
#include "tests/cli/run_tarn.h"

namespace tarn::testing {
namespace {

const std::string kGolden = TARN_TEST_DATA "/golden/";

TEST(PackCommand, ThePackedFolderTakesThePlaceOfItsSource) {
  const TemporaryFolder scratch;
  const std::string quantized = scratch / "q";
  const std::string packed = scratch / "p";
  ASSERT_EQ(run_tarn(scratch, {"quantize", kGolden + "qwen3", quantized, "--recipe", "affine:4:32",
                               "--allow-fallback"})
                .status,
            0);
  const Outcome pack = run_tarn(scratch, {"pack", quantized, packed, "--json"});
  ASSERT_EQ(pack.status, 0) << pack.err;
  const json report = parse_json(pack.out, "stdout");
  EXPECT_EQ(report.at("layout"), "portable.1");
  EXPECT_GT(report.at("matrices"), 4);

  const auto generate = [&](const std::string& model) {
    return run_tarn(scratch, {"generate", model, "--tokens", "1,2,3", "-n", "8", "--json"});
  };
  const Outcome expected = generate(quantized);
  const Outcome got = generate(packed);
  ASSERT_EQ(expected.status, 0) << expected.err;
  EXPECT_EQ(got.status, 0) << got.err;
  EXPECT_EQ(got.out, expected.out);

  const json before = parse_json(run_tarn(scratch, {"info", quantized, "--json"}).out, "stdout");
  const json after = parse_json(run_tarn(scratch, {"info", packed, "--json"}).out, "stdout");
  EXPECT_EQ(after.at("packed").at("matrices"), report.at("matrices"));
  EXPECT_FALSE(before.contains("packed"));
  EXPECT_EQ(after.at("parameters"), before.at("parameters"));
  EXPECT_NE(run_tarn(scratch, {"info", packed}).out.find("layout portable.1"), std::string::npos);
}

TEST(PackCommand, SaysWhatItCannotDo) {
  const TemporaryFolder scratch;
  const std::string out = scratch / "out";
  const Outcome dense = run_tarn(scratch, {"pack", kGolden + "qwen3", out});
  EXPECT_EQ(dense.status, 1);
  EXPECT_NE(dense.err.find("no quantized weights"), std::string::npos) << dense.err;
  EXPECT_FALSE(std::filesystem::exists(out));
  EXPECT_EQ(run_tarn(scratch, {"pack", kGolden + "qwen3", out, "--isa", "z80"}).status, 2);
}

}  // namespace
}  // namespace tarn::testing
