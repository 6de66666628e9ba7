// Names, order and choice of the instruction sets.
#include "tarn/cpu/isa/isa.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tarn/base/error.h"

namespace tarn::cpu {
namespace {

TEST(IsaLevels, AvailableOnesAscendFromPortableToTheBest) {
  const std::vector<Isa> all = available_isas();
  ASSERT_FALSE(all.empty());
  EXPECT_EQ(all.front(), Isa::portable);
  EXPECT_EQ(all.back(), best_isa());
  for (size_t i = 1; i < all.size(); ++i) EXPECT_LT(all[i - 1], all[i]);
}

TEST(IsaLevels, NamesParseBack) {
  for (const Isa isa : available_isas()) {
    EXPECT_EQ(parse_isa(name(isa)), isa);
    EXPECT_THAT(isa_names(), testing::HasSubstr(std::string(name(isa))));
  }
}

TEST(IsaLevels, AnUnknownNameIsRefusedWithTheKnownOnes) {
  try {
    parse_isa("vax");
    FAIL() << "vax was taken";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr(isa_names()));
  }
}

// A level of the other architecture must not pass as a low one of this.
TEST(IsaLevels, AnotherArchitecturesLevelIsRefused) {
#if defined(__aarch64__)
  const Isa other = Isa::avx2;
#else
  const Isa other = Isa::neon;
#endif
  const Isa before = current_isa();
  EXPECT_THROW(set_isa(other), Error);
  EXPECT_EQ(current_isa(), before);
}

#if defined(__aarch64__)
TEST(IsaLevels, EveryAArch64HasNeon) { EXPECT_GE(best_isa(), Isa::neon); }
#endif

}  // namespace
}  // namespace tarn::cpu
