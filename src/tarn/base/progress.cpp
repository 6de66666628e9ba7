#include "tarn/base/progress.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

namespace tarn {
namespace {
constexpr int bar_width = 24;
constexpr auto redraw_interval = std::chrono::milliseconds(100);
}  // namespace

Progress::Progress(std::string label, uint64_t total, std::string unit)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      terminal_(::isatty(STDERR_FILENO) == 1),
      start_(std::chrono::steady_clock::now()) {}

Progress::~Progress() {
  if (drawn_) fmt::print(stderr, "\r\x1b[K");
}

void Progress::set(uint64_t done) {
  done_ = done;
  if (!terminal_) return;
  const auto now = std::chrono::steady_clock::now();
  if (drawn_ && now - last_draw_ < redraw_interval) return;
  last_draw_ = now;
  draw();
}

void Progress::draw() {
  const double seconds = std::chrono::duration<double>(last_draw_ - start_).count();
  if (total_ == 0) {
    fmt::print(stderr, "\r\x1b[K{} {} {}", label_, done_, unit_);
  } else {
    const double part = static_cast<double>(done_) / static_cast<double>(total_);
    const int filled = static_cast<int>(part * bar_width);
    const double left = part > 0 ? seconds / part - seconds : 0;
    fmt::print(stderr, "\r\x1b[K{} [{:=<{}}{: <{}}] {}/{} {}, {:.0f} s left", label_, "", filled,
               "", bar_width - filled, done_, total_, unit_, left);
  }
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace tarn
