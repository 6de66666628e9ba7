// How much memory this process may use at most.
#pragma once

#include <cstdint>
#include <filesystem>

namespace tarn {

// The machine's memory, or the limit of the control group (container) this process runs in where
// that is lower. `root` stands for "/" in tests.
uint64_t available_memory_bytes(const std::filesystem::path& root = "/");

}  // namespace tarn
