// How the members of a step divide work whose items cost alike but whose members may be held up.
#pragma once

#include <algorithm>
#include <cstdint>

#include "tarn/core/unit.h"

namespace tarn::cpu {

// The items [0, total): a member first gets a stretch of its own, which is the same in every run
// and can be fetched ahead, then claims from what is left in pieces that shrink towards the end.
class Claims {
 public:
  using Range = Share::Range;

  // Pieces are cut at multiples of `grain`.
  Claims(Share share, StepState& state, int64_t total, int64_t grain)
      : share_(share), state_(state), total_(total), grain_(grain) {}

  // A member's own stretch: together half of all items.
  static Range own(int64_t total, int64_t grain, int member, int members) {
    const int64_t size = members == 1 ? total : total / (2 * members * grain) * grain;
    return {member * size, (member + 1) * size};
  }

  // False when nothing is left.
  bool next(Range& range) {
    if (first_) {
      first_ = false;
      range = own(total_, grain_, share_.member, share_.count);
      if (range.begin < range.end) return true;
    }
    if (share_.count == 1) return false;
    const int64_t base = own(total_, grain_, share_.count - 1, share_.count).end;
    int64_t taken = state_.next.load(std::memory_order_relaxed);
    while (true) {
      const int64_t left = total_ - base - taken;
      if (left <= 0) return false;
      const int64_t even = left / (2 * share_.count) / grain_ * grain_;
      const int64_t size = std::min(left, std::max(even, grain_));
      if (state_.next.compare_exchange_weak(taken, taken + size, std::memory_order_relaxed)) {
        range = {base + taken, base + taken + size};
        return true;
      }
    }
  }

 private:
  Share share_;
  StepState& state_;
  int64_t total_;
  int64_t grain_;
  bool first_ = true;
};

}  // namespace tarn::cpu
