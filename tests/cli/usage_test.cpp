// Exit codes and messages: 2 for wrong usage, 1 for work that failed; nothing on stdout then.
#include <gtest/gtest.h>

#include "tests/support/command.h"

namespace tarn {
namespace {

using testing::run_tarn;

struct Case {
  const char* arguments;
  int status;
  const char* message;
};

class Usage : public ::testing::TestWithParam<Case> {};

TEST_P(Usage, SaysWhatIsWrong) {
  const auto result = run_tarn(GetParam().arguments);
  EXPECT_EQ(result.status, GetParam().status) << result.err;
  EXPECT_NE(result.err.find(GetParam().message), std::string::npos) << result.err;
  EXPECT_EQ(result.err.substr(0, 6), "tarn: ");
  EXPECT_EQ(result.out, "");
}

INSTANTIATE_TEST_SUITE_P(
    Cases, Usage,
    ::testing::Values(Case{"", 2, "subcommand"}, Case{"run", 2, "model"},
                      Case{"run pebble --top-p 2 -p x", 2, "--top-p: 2"},
                      Case{"run pebble --temperature warm -p x", 2, "--temperature"},
                      Case{"run pebble --isa vax -p x", 2, "--isa"},
                      Case{"run pebble --memory-limit much -p x", 2, "--memory-limit"},
                      Case{"run pebble --logit-bias 3 -p x", 2, "--logit-bias"},
                      Case{"run pebble --raw --system x -p x", 2, "--raw"},
                      Case{"generate pebble --tokens 1,x", 2, "list of token ids"},
                      Case{"generate pebble --tokens 1 -n 0", 2, "--max-tokens"},
                      Case{"bench pebble -o xml", 2, "--output"}, Case{"eval", 2, "subcommand"},
                      Case{"run nowhere -p x", 1, "pebble"},
                      Case{"run /tmp -p x", 1, "config.json"},
                      Case{"run pebble", 2, "there is no question"},
                      Case{"run pebble -p ''", 2, "there is no question"},
                      Case{"generate pebble --tokens 1,4096", 1, "token 4096 at index 1"},
                      Case{"run pebble --memory-limit 100k -p x", 1, "raise the limit"},
                      Case{"bench pebble -p 4000 -r 1", 1, "context of 2048"},
                      Case{"eval ppl pebble --text /nowhere", 1, "/nowhere"},
                      Case{"eval tasks pebble --file /dev/null", 1, "/dev/null"}));

TEST(Help, EveryCommandHasAnExample) {
  for (const char* command :
       {"run", "chat", "bench", "generate", "logits", "eval ppl", "eval tasks"}) {
    const auto result = run_tarn(std::string(command) + " --help");
    EXPECT_EQ(result.status, 0);
    EXPECT_NE(result.out.find("Example"), std::string::npos) << command;
  }
}

}  // namespace
}  // namespace tarn
