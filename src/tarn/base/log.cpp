#include "tarn/base/log.h"

#include <atomic>
#include <cstdio>
#include <string>

namespace tarn::logging {
namespace {

std::atomic<Level> current_level{Level::info};

const char* prefix(Level level) {
  switch (level) {
    case Level::debug:
      return "tarn: debug: ";
    case Level::warn:
      return "tarn: warning: ";
    default:
      return "tarn: ";
  }
}

}  // namespace

void set_level(Level level) { current_level.store(level, std::memory_order_relaxed); }
Level level() { return current_level.load(std::memory_order_relaxed); }

void write(Level level, fmt::string_view format, fmt::format_args args) {
  // One fwrite a line: lines of several threads do not mix.
  std::string line = prefix(level) + fmt::vformat(format, args) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace tarn::logging
