#include "tarn/lm/stop_strings.h"

#include <algorithm>
#include <utility>

#include "tarn/base/error.h"

namespace tarn {

StopStrings::StopStrings(std::vector<std::string> stops) : stops_(std::move(stops)) {
  for (const std::string& stop : stops_) {
    if (stop.empty()) {
      fail(ErrorCode::invalid_argument,
           "stop string: it is empty, which would stop every answer; leave it out or give it text");
    }
  }
}

std::string StopStrings::push(std::string_view piece) {
  if (stopped()) return {};
  held_ += piece;
  size_t first_end = std::string::npos;
  for (const std::string& stop : stops_) {
    const size_t at = held_.find(stop);
    if (at == std::string::npos) continue;
    const size_t end = at + stop.size();
    if (end < first_end || (end == first_end && stop.size() > found_.size())) {
      first_end = end;
      found_ = stop;
    }
  }
  if (stopped()) {
    std::string before = held_.substr(0, first_end - found_.size());
    held_.clear();
    return before;
  }
  size_t keep = 0;  // the longest end of the text that begins a stop string
  for (const std::string& stop : stops_) {
    for (size_t n = std::min(stop.size() - 1, held_.size()); n > keep; --n) {
      if (held_.ends_with(std::string_view(stop).substr(0, n))) keep = n;
    }
  }
  std::string safe = held_.substr(0, held_.size() - keep);
  held_.erase(0, safe.size());
  return safe;
}

std::string StopStrings::flush() { return std::exchange(held_, {}); }

}  // namespace tarn
