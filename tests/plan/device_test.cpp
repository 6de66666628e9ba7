#include "tarn/plan/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tarn/base/error.h"

namespace tarn::plan {
namespace {

TEST(Devices, HaveAllTheirFigures) {
  std::set<std::string> names;
  for (const Device& device : known_devices()) {
    EXPECT_TRUE(names.insert(device.name).second) << device.name;
    EXPECT_GT(device.bandwidth, 1e10) << device.name;
    EXPECT_LT(device.bandwidth, 1e13) << device.name;
    EXPECT_GT(usable_memory(device), 8e9) << device.name;
    EXPECT_LT(usable_memory(device), device.memory) << device.name;
    EXPECT_GT(quantized_rate(device), 0) << device.name;
    EXPECT_GT(dense_rate(device, false), 0) << device.name;
    EXPECT_GT(vector_rate(device), 0) << device.name;
    EXPECT_FALSE(device.measured);
  }
}

TEST(Devices, AreFoundWithoutRegardToCase) {
  EXPECT_EQ(find_device("M4-Max").bandwidth, 546e9);
  EXPECT_EQ(find_device("h100-sxm").bandwidth, 3350e9);
}

TEST(Devices, AnUnknownOneListsTheKnown) {
  try {
    find_device("m9");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::not_found);
    EXPECT_THAT(error.what(), testing::HasSubstr("\"m9\""));
    EXPECT_THAT(error.what(), testing::HasSubstr("local, m1,"));
    EXPECT_THAT(error.what(), testing::HasSubstr("rtx-4090"));
  }
}

TEST(Devices, ThisOneIsMeasured) {
  const Device device = local_device(1);
  EXPECT_TRUE(device.measured);
  EXPECT_GT(device.bandwidth, 1e8);
  EXPECT_GT(device.memory, 1e8);
  EXPECT_GT(device.f32, 1e7);
  EXPECT_GT(device.int8, 1e7);
}

}  // namespace
}  // namespace tarn::plan
