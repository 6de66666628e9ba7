#include "tarn/cli/speed_line.h"

#include <fmt/format.h>

#include "tarn/base/process_memory.h"

namespace tarn::cli {
namespace {

double rate(int64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

}  // namespace

std::string speed_line(const Generated& g) {
  const int64_t computed = g.prompt_tokens - g.cached_tokens;
  std::string line = fmt::format("prompt {} tokens", g.prompt_tokens);
  if (g.cached_tokens > 0) line += fmt::format(" ({} cached)", g.cached_tokens);
  line += fmt::format(" in {:.2f} s ({:.0f}/s), first token after {:.3f} s", g.prefill_seconds,
                      rate(computed, g.prefill_seconds), g.first_token_seconds);
  const auto answer = static_cast<int64_t>(g.tokens.size());
  line += fmt::format(", answer {} tokens", answer);
  if (answer > 1) line += fmt::format(" at {:.1f}/s", rate(answer - 1, g.decode_seconds));
  if (const auto peak = peak_resident_bytes()) {
    line += fmt::format(", peak memory {}", human_bytes(*peak));
  }
  return line;
}

std::string human_bytes(uint64_t bytes) {
  const char* const units[] = {"B", "kB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 999.5 && unit < 4) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", value, unit == 0 || value >= 99.95 ? 0 : 1, units[unit]);
}

}  // namespace tarn::cli
