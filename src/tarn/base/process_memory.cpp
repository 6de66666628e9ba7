#include "tarn/base/process_memory.h"

#include <fstream>
#include <string>

namespace tarn {

namespace {

std::optional<uint64_t> status_bytes(const char* field) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    uint64_t kibibytes = 0;
    if (word == field && status >> kibibytes) return kibibytes * 1024;
  }
  return std::nullopt;
}

}  // namespace

std::optional<uint64_t> resident_bytes() { return status_bytes("VmRSS:"); }
std::optional<uint64_t> peak_resident_bytes() { return status_bytes("VmHWM:"); }

bool reset_peak_resident() {
  std::ofstream refs("/proc/self/clear_refs");
  refs << "5" << std::flush;
  return refs.good();
}

}  // namespace tarn
