#include "tarn/compress/allocation.h"

#include <algorithm>
#include <optional>

#include "tarn/base/error.h"

namespace tarn::compress {
namespace {

double saved_by_byte(const Choice& from, const Choice& to) {
  return (from.loss - to.loss) / static_cast<double>(to.bytes - from.bytes);
}

// Of one module, by rising bytes and falling loss, each step saving less for a byte than the one
// before it.
std::vector<size_t> hull_of(const std::vector<Choice>& choices) {
  std::vector<size_t> order(choices.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    if (choices[a].bytes != choices[b].bytes) return choices[a].bytes < choices[b].bytes;
    return choices[a].loss < choices[b].loss;
  });
  std::vector<size_t> hull;
  for (const size_t next : order) {
    if (!hull.empty() && choices[next].loss >= choices[hull.back()].loss) continue;
    while (hull.size() >= 2 && saved_by_byte(choices[hull.end()[-2]], choices[hull.back()]) <=
                                   saved_by_byte(choices[hull.back()], choices[next])) {
      hull.pop_back();
    }
    hull.push_back(next);
  }
  return hull;
}

class Allocation {
 public:
  Allocation(std::span<const std::vector<Choice>> modules, uint64_t budget)
      : modules_(modules), left_(budget) {
    uint64_t least = 0;
    for (const std::vector<Choice>& choices : modules) {
      hulls_.push_back(hull_of(choices));
      chosen_.push_back(hulls_.back().front());
      least += choices[chosen_.back()].bytes;
    }
    if (least > budget) {
      fail(ErrorCode::invalid_argument,
           "allocation: the cheapest choices take {} bytes and the budget is {}", least, budget);
    }
    left_ -= least;
  }

  std::vector<size_t> run() {
    climb_hulls();
    while (best_single_change()) {
    }
    return std::move(chosen_);
  }

 private:
  // The steepest step first; of a module whose next step does not fit no further one is taken.
  void climb_hulls() {
    std::vector<size_t> place(modules_.size(), 0);
    std::vector<bool> open(modules_.size(), true);
    while (true) {
      std::optional<size_t> best;
      double most = 0;
      for (size_t m = 0; m < modules_.size(); ++m) {
        if (!open[m] || place[m] + 1 >= hulls_[m].size()) continue;
        const double saved =
            saved_by_byte(modules_[m][hulls_[m][place[m]]], modules_[m][hulls_[m][place[m] + 1]]);
        if (saved <= most) continue;
        most = saved;
        best = m;
      }
      if (!best) return;
      if (change(*best, hulls_[*best][place[*best] + 1])) {
        ++place[*best];
      } else {
        open[*best] = false;
      }
    }
  }

  bool best_single_change() {
    std::optional<std::pair<size_t, size_t>> best;
    double most = 0;
    for (size_t m = 0; m < modules_.size(); ++m) {
      const Choice& now = modules_[m][chosen_[m]];
      for (size_t c = 0; c < modules_[m].size(); ++c) {
        const Choice& other = modules_[m][c];
        if (other.bytes > now.bytes + left_ || now.loss - other.loss <= most) continue;
        most = now.loss - other.loss;
        best = {m, c};
      }
    }
    return best && change(best->first, best->second);
  }

  bool change(size_t module, size_t choice) {
    const uint64_t now = modules_[module][chosen_[module]].bytes;
    const uint64_t then = modules_[module][choice].bytes;
    if (then > now + left_) return false;
    left_ = left_ + now - then;
    chosen_[module] = choice;
    return true;
  }

  std::span<const std::vector<Choice>> modules_;
  uint64_t left_;
  std::vector<std::vector<size_t>> hulls_;
  std::vector<size_t> chosen_;
};

}  // namespace

std::vector<size_t> allocate(std::span<const std::vector<Choice>> modules, uint64_t budget) {
  return Allocation(modules, budget).run();
}

}  // namespace tarn::compress
