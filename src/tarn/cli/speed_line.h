// One line about the speed and memory of one answer.
#pragma once

#include <string>

#include "tarn/lm/generate.h"

namespace tarn::cli {

// "prompt 52 tokens in 0.03 s (1733/s), first token after 0.03 s, answer 48 tokens at 812.0/s, ..."
std::string speed_line(const Generated& generated);

std::string human_bytes(uint64_t bytes);  // "23.8 MB", in powers of 1000

}  // namespace tarn::cli
