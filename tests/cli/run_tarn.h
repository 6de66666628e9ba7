// The tarn executable as a child process with limits on memory and time, for files that may be out
// to break it.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "tarn/base/file.h"
#include "tests/io/safetensors_files.h"

namespace tarn::testing {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;  // reserves terabytes of addresses and runs many times slower
#else
constexpr bool kSanitized = false;
#endif

struct Outcome {
  int status = -1;  // the exit code, or minus the signal that ended it
  std::string out;
  std::string err;
};

// At most 2 GiB of addresses (where no sanitizer needs more) and `seconds` of processor time: over
// the limits it ends by a signal or by bad_alloc, which no test expects.
inline Outcome run_tarn(const TemporaryFolder& scratch, const std::vector<std::string>& arguments,
                        const std::string& input = {}, unsigned seconds = 20) {
  const std::string in = scratch / "stdin";
  const std::string out = scratch / "stdout";
  const std::string err = scratch / "stderr";
  write(in, input);
  std::vector<std::string> all = arguments;
  all.insert(all.begin(), TARN_BINARY);
  std::vector<char*> argv;
  for (std::string& argument : all) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit time{kSanitized ? 10 * seconds : seconds, kSanitized ? 10 * seconds : seconds};
    const rlimit memory{rlim_t{2} << 30, rlim_t{2} << 30};
    const rlimit no_core{0, 0};
    const bool ready = ::setrlimit(RLIMIT_CPU, &time) == 0 &&
                       ::setrlimit(RLIMIT_CORE, &no_core) == 0 &&
                       (kSanitized || ::setrlimit(RLIMIT_AS, &memory) == 0) &&
                       ::dup2(::open(in.c_str(), O_RDONLY), 0) == 0 &&
                       ::dup2(::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 1) == 1 &&
                       ::dup2(::open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 2) == 2;
    if (ready) ::execv(TARN_BINARY, argv.data());
    ::_exit(126);
  }
  Outcome outcome;
  int status = 0;
  if (child > 0 && ::waitpid(child, &status, 0) == child) {
    outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    outcome.out = read_file(out);
    outcome.err = read_file(err);
  }
  return outcome;
}

inline bool is_error_line(const std::string& line) { return line.rfind("tarn: ", 0) == 0; }

// Exit code 1 with a message of ours: no crash, no sanitizer report, no stray exception.
inline void expect_refused(const Outcome& outcome, const std::string& what) {
  EXPECT_EQ(outcome.status, 1) << what << "\n" << outcome.err.substr(0, 2000);
  EXPECT_TRUE(is_error_line(outcome.err)) << what << "\n" << outcome.err.substr(0, 2000);
  EXPECT_EQ(outcome.err.find("tarn: internal"), std::string::npos) << what << "\n" << outcome.err;
  EXPECT_LT(outcome.err.size(), 4000U) << what;
}

// As above, or done: what was broken may be something that this command does not need.
inline void expect_no_crash(const Outcome& outcome, const std::string& what) {
  if (outcome.status == 0) return;
  expect_refused(outcome, what);
}

}  // namespace tarn::testing
