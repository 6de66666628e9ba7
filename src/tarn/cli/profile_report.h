// What `tarn bench --profile` prints: where the time of a test went, slowest first.
#pragma once

#include <string>

#include "tarn/core/profile.h"

namespace tarn::cli {

// bandwidth: bytes a second, the limit that steps are compared with.
std::string profile_table(const std::string& test, const Profile& profile, double bandwidth);

}  // namespace tarn::cli
