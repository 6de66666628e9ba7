#include "tarn/text/vocabulary.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <utility>

#include "tarn/base/error.h"

namespace tarn::text {
namespace {

constexpr uint32_t kEmpty = UINT32_MAX;

size_t hash(std::string_view token) { return std::hash<std::string_view>{}(token); }

}  // namespace

Vocabulary::Vocabulary(std::vector<Entry> entries, std::string_view where)
    : entries_(std::move(entries)) {
  const auto by_id = [](const Entry& a, const Entry& b) { return a.id < b.id; };
  if (!std::is_sorted(entries_.begin(), entries_.end(), by_id)) {
    std::sort(entries_.begin(), entries_.end(), by_id);
  }
  buckets_.assign(std::bit_ceil(entries_.size() * 2 + 1), kEmpty);
  const size_t mask = buckets_.size() - 1;
  for (size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    if (i > 0 && entries_[i - 1].id == entry.id) {
      fail(ErrorCode::corrupt, "{}: tokens \"{}\" and \"{}\" share the id {}", where,
           entries_[i - 1].token, entry.token, entry.id);
    }
    size_t slot = hash(entry.token) & mask;
    for (; buckets_[slot] != kEmpty; slot = (slot + 1) & mask) {
      if (entries_[buckets_[slot]].token == entry.token) {
        fail(ErrorCode::corrupt, "{}: token \"{}\" appears twice", where, entry.token);
      }
    }
    buckets_[slot] = static_cast<uint32_t>(i);
    dense_ = dense_ && entry.id == static_cast<int32_t>(i);
  }
  id_limit_ = entries_.empty() ? 0 : entries_.back().id + 1;
}

std::optional<int32_t> Vocabulary::id(std::string_view token) const {
  if (buckets_.empty()) return std::nullopt;
  const size_t mask = buckets_.size() - 1;
  for (size_t slot = hash(token) & mask; buckets_[slot] != kEmpty; slot = (slot + 1) & mask) {
    const Entry& entry = entries_[buckets_[slot]];
    if (entry.token == token) return entry.id;
  }
  return std::nullopt;
}

std::optional<std::string_view> Vocabulary::token(int32_t id) const {
  if (id < 0 || id >= id_limit_) return std::nullopt;
  if (dense_) return entries_[static_cast<size_t>(id)].token;
  const auto it = std::lower_bound(entries_.begin(), entries_.end(), id,
                                   [](const Entry& entry, int32_t i) { return entry.id < i; });
  if (it == entries_.end() || it->id != id) return std::nullopt;
  return it->token;
}

}  // namespace tarn::text
