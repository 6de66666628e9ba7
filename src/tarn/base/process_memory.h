// What the operating system says about this process's memory.
#pragma once

#include <cstdint>
#include <optional>

namespace tarn {

// Resident memory now, in bytes; nothing where the system does not tell.
std::optional<uint64_t> resident_bytes();
// The most resident memory so far, in bytes; nothing where the system does not tell.
std::optional<uint64_t> peak_resident_bytes();
// Starts a new measurement of it; false where the system cannot.
bool reset_peak_resident();

}  // namespace tarn
