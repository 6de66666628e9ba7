// Packs a checkpoint's quantized matrices while a model is built, a bounded piece at a time, so
// that memory never holds much more than the panels.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "tarn/base/progress.h"
#include "tarn/memory/pool.h"
#include "tarn/models/stored_matrix.h"

namespace tarn {

class PanelLoader {
 public:
  // `total_bytes`: what the progress line counts up to.
  explicit PanelLoader(uint64_t total_bytes) : total_bytes_(total_bytes) {}

  // Takes a matrix on: its panels have their place now and their content after the next finish().
  // Pages of the source are let go as soon as they are packed.
  PanelArray add(StoredMatrix matrix);
  bool empty() const { return done_bytes_ == 0 && pieces_.empty(); }
  // Packs all that is left.
  void finish();

 private:
  struct Piece {
    std::shared_ptr<const StoredMatrix> source;
    CodedMatrix matrix;
    PanelArray panels;
    int64_t first;  // panels [first, last)
    int64_t last;
  };
  void pack();
  void show_progress(uint64_t bytes);

  memory::Arena arena_;
  std::vector<Piece> pieces_;
  uint64_t pending_bytes_ = 0;
  uint64_t done_bytes_ = 0;
  uint64_t total_bytes_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::optional<Progress> progress_;
};

}  // namespace tarn
