#include "tarn/text/grammar/stacks.h"

#include <algorithm>

#include "tarn/base/error.h"
#include "tarn/text/grammar/limits.h"

namespace tarn::text::grammar {
namespace {

constexpr Stacks::Id kFree = UINT32_MAX;

size_t hash_of(std::span<const Stacks::Frame> frames, bool bottom) {
  uint64_t hash = bottom ? 1 : 0;
  for (const Stacks::Frame& frame : frames) {
    hash = (hash ^ frame.state) * 0x9E3779B97F4A7C15U;
    hash = (hash ^ frame.below) * 0xC2B2AE3D27D4EB4FU;
  }
  return hash ^ (hash >> 31);
}

}  // namespace

Stacks::Stacks() : buckets_(16, kFree) { intern({}, true); }

Stacks::Id Stacks::intern(std::span<const Frame> frames, bool bottom) {
  const size_t mask = buckets_.size() - 1;
  size_t at = hash_of(frames, bottom) & mask;
  for (; buckets_[at] != kFree; at = (at + 1) & mask) {
    const Id id = buckets_[at];
    const auto known = this->frames(id);
    if (nodes_[id].bottom == bottom &&
        std::equal(known.begin(), known.end(), frames.begin(), frames.end())) {
      return id;
    }
  }
  uint32_t depth = 0;
  for (const Frame& frame : frames) depth = std::max(depth, nodes_[frame.below].depth + 1);
  if (depth > kMaxStackDepth) {
    fail(ErrorCode::unsupported, "grammar: the text is nested deeper than {} rules",
         kMaxStackDepth);
  }
  if (nodes_.size() >= kMaxStackNodes || frames_.size() >= 4 * kMaxStackNodes) {
    fail(ErrorCode::unsupported, "grammar: too ambiguous: more than {} ways to go on are open",
         kMaxStackNodes);
  }
  const Id id = static_cast<Id>(nodes_.size());
  nodes_.push_back(
      {static_cast<uint32_t>(frames_.size()), static_cast<uint32_t>(frames.size()), depth, bottom});
  frames_.insert(frames_.end(), frames.begin(), frames.end());
  buckets_[at] = id;
  if (nodes_.size() * 2 > buckets_.size()) grow();
  return id;
}

void Stacks::grow() {
  buckets_.assign(buckets_.size() * 2, kFree);
  const size_t mask = buckets_.size() - 1;
  for (Id id = 0; id < nodes_.size(); ++id) {
    size_t at = hash_of(frames(id), nodes_[id].bottom) & mask;
    while (buckets_[at] != kFree) at = (at + 1) & mask;
    buckets_[at] = id;
  }
}

Stacks::Id Stacks::unite(Id a, Id b) {
  if (a == b) return a;
  if (a > b) std::swap(a, b);
  const uint64_t key = uint64_t{a} << 32 | b;
  if (const auto known = unions_.find(key); known != unions_.end()) return known->second;
  work_ += 8 + nodes_[a].count + nodes_[b].count;
  std::vector<Frame> merged;
  merged.reserve(nodes_[a].count + nodes_[b].count);
  // Indices, not spans: the recursion adds to frames_.
  uint32_t i = nodes_[a].begin;
  uint32_t j = nodes_[b].begin;
  const uint32_t i_end = i + nodes_[a].count;
  const uint32_t j_end = j + nodes_[b].count;
  while (i < i_end && j < j_end) {
    const Frame x = frames_[i];
    const Frame y = frames_[j];
    if (x.state == y.state) {
      merged.push_back({x.state, unite(x.below, y.below)});
      ++i;
      ++j;
    } else if (x.state < y.state) {
      merged.push_back(x);
      ++i;
    } else {
      merged.push_back(y);
      ++j;
    }
  }
  for (; i < i_end; ++i) merged.push_back(frames_[i]);
  for (; j < j_end; ++j) merged.push_back(frames_[j]);
  const Id id = intern(merged, has_bottom(a) || has_bottom(b));
  unions_.emplace(key, id);
  return id;
}

Stacks::Id Stacks::copy(const Stacks& from, Id id, std::unordered_map<Id, Id>& known) {
  if (const auto it = known.find(id); it != known.end()) return it->second;
  std::vector<Frame> copied;
  for (const Frame& frame : from.frames(id)) {
    copied.push_back({frame.state, copy(from, frame.below, known)});
  }
  const Id made = intern(copied, from.has_bottom(id));
  known.emplace(id, made);
  return made;
}

}  // namespace tarn::text::grammar
