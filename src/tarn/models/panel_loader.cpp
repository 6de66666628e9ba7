#include "tarn/models/panel_loader.h"

#include <algorithm>
#include <utility>

namespace tarn {
namespace {

// Packed in one evaluation: enough to make the threads' meeting cheap, little beside a model.
constexpr uint64_t batch_bytes = uint64_t{16} << 20;
// A model that is there sooner needs no progress line.
constexpr auto patience = std::chrono::milliseconds(500);
constexpr uint64_t megabyte = 1000 * 1000;

// Lets go of what rows [first, last) of a matrix with `rows` rows take of a tensor, about.
void release(const TensorInfo& info, int64_t rows, int64_t first, int64_t last) {
  const auto at = [&](int64_t row) {
    return static_cast<size_t>(static_cast<double>(info.bytes.size()) * static_cast<double>(row) /
                               static_cast<double>(rows));
  };
  info.owner->release(info.bytes.subspan(at(first), at(last) - at(first)));
}

}  // namespace

PanelArray PanelLoader::add(StoredMatrix stored) {
  const auto source = std::make_shared<const StoredMatrix>(std::move(stored));
  const CodedMatrix matrix = coded_rows(*source, 0, source->rows);
  PanelArray panels = allocate_panels(matrix, arena_);
  const auto count = static_cast<int64_t>(quant::panel_count(static_cast<size_t>(matrix.rows)));
  const uint64_t bytes = panels.panels.nbytes();
  const uint64_t panel_bytes = std::max<uint64_t>(1, bytes / std::max<uint64_t>(1, count));
  for (int64_t first = 0; first < count;) {
    const uint64_t room = batch_bytes - std::min(batch_bytes, pending_bytes_);
    const auto fit = static_cast<int64_t>(std::max<uint64_t>(1, room / panel_bytes));
    const int64_t last = std::min(first + fit, count);
    pieces_.push_back({source, matrix, panels, first, last});
    pending_bytes_ += static_cast<uint64_t>(last - first) * panel_bytes;
    first = last;
    if (pending_bytes_ >= batch_bytes) pack();
  }
  return panels;
}

void PanelLoader::finish() {
  pack();
  progress_.reset();
}

void PanelLoader::pack() {
  if (pieces_.empty()) return;
  std::vector<array> work;
  work.reserve(pieces_.size());
  for (const Piece& piece : pieces_) {
    work.push_back(pack_panel_range(piece.matrix, piece.panels, piece.first, piece.last));
  }
  eval(work);
  for (const Piece& piece : pieces_) {
    const int64_t rows = piece.matrix.rows;
    const int64_t last = std::min(piece.last * quant::panel_rows, rows);
    for (const TensorInfo& info : piece.source->parts) {
      // The first piece's start again behind the last: pages across a border belong to two pieces.
      release(info, rows, last == rows ? 0 : piece.first * quant::panel_rows, last);
    }
  }
  pieces_.clear();
  show_progress(std::exchange(pending_bytes_, 0));
}

void PanelLoader::show_progress(uint64_t bytes) {
  done_bytes_ = std::min(done_bytes_ + bytes, total_bytes_);
  if (!progress_ && std::chrono::steady_clock::now() - start_ > patience) {
    progress_.emplace("loading", total_bytes_ / megabyte, "MB");
  }
  if (progress_) progress_->set(done_bytes_ / megabyte);
}

}  // namespace tarn
