// Runs the tarn executable as its users do.
#pragma once

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace tarn::testing {

struct CommandResult {
  int status = -1;  // exit code; -1 when a signal ended it
  std::string out;
  std::string err;
};

// `arguments` as a shell takes them; `input` is stdin. One thread, so that tests that run side by
// side do not wait for each other's barriers.
inline CommandResult run_tarn(const std::string& arguments, const std::string& input = "") {
  std::string folder = "/tmp/tarn-command-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("mkdtemp");
  std::ofstream(folder + "/in", std::ios::binary) << input;
  const std::string command = "HOME=" + folder + " " + TARN_BINARY + " " + arguments + " <" +
                              folder + "/in >" + folder + "/out 2>" + folder + "/err";
  const int status = std::system(command.c_str());
  const auto content = [&](const char* name) {
    std::ifstream file(folder + "/" + name, std::ios::binary);
    return std::string{std::istreambuf_iterator<char>(file), {}};
  };
  CommandResult result{WIFEXITED(status) ? WEXITSTATUS(status) : -1, content("out"),
                       content("err")};
  std::system(("rm -rf " + folder).c_str());
  return result;
}

}  // namespace tarn::testing
