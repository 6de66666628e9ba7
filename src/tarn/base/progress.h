// A progress line for long work: drawn on stderr when that is a terminal, silent otherwise.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

namespace tarn {

class Progress {
 public:
  // `unit` is printed behind the counts ("tensors", "tokens"). total 0 means unknown.
  Progress(std::string label, uint64_t total, std::string unit);
  ~Progress();  // clears the line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void set(uint64_t done);  // one thread at a time; redraws at most ten times a second
  void add(uint64_t more) { set(done_ + more); }

 private:
  void draw();
  std::string label_;
  std::string unit_;
  uint64_t total_;
  uint64_t done_ = 0;
  bool terminal_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point last_draw_;
};

}  // namespace tarn
