#include "tarn/models/cache.h"

#include <algorithm>

#include "tarn/memory/pool.h"
#include "tarn/ops/shape.h"

namespace tarn {
namespace {

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

array uninitialized(const Shape& shape, Dtype dtype) {
  const size_t bytes = static_cast<size_t>(element_count(shape)) * size_of(dtype);
  return {memory::allocate(bytes), shape, dtype};
}

}  // namespace

// Gives `buffer` room for `more` tokens behind those stored: a new, larger one takes over what is
// still visible.
void KvCache::make_room(const array& like, int64_t more, std::optional<array>& buffer) const {
  Shape shape = like.shape();
  // Half as much again, so that copying stays a small part of a long generation's work.
  const int64_t spare = window_ > 0 ? 0 : length_ / 2;
  shape[2] = round_up(length_ + more + std::max(spare, kv_block / 2), kv_block);
  const array fresh = uninitialized(shape, like.dtype());
  buffer = length_ == 0 ? fresh : slice_update(fresh, slice(*buffer, 2, 0, length_), 2, 0, length_);
}

KeysAndValues KvCache::append(const array& k, const array& v) {
  const int64_t tokens = k.shape(2);
  if (keys_ && keys_->shape(2) < length_ + tokens) {
    // The first of the new tokens sees window - 1 tokens before itself.
    const int64_t first_visible = window_ > 0 ? std::max(start_, end() - window_ + 1) : start_;
    if (const int64_t drop = std::min(first_visible - start_, length_); drop > 0) {
      keys_ = slice(*keys_, 2, drop, length_);
      values_ = slice(*values_, 2, drop, length_);
      start_ += drop;
      length_ -= drop;
    }
  }
  if (!keys_ || keys_->shape(2) < length_ + tokens) {
    make_room(k, tokens, keys_);
    make_room(v, tokens, values_);
  }
  keys_ = slice_update(*keys_, k, 2, length_, length_ + tokens);
  values_ = slice_update(*values_, v, 2, length_, length_ + tokens);
  length_ += tokens;
  return {slice(*keys_, 2, 0, length_), slice(*values_, 2, 0, length_), start_};
}

bool KvCache::trim(int64_t count) {
  if (count < 0 || count > length_) return false;
  const bool forgot = start_ > 0 && end() - count - window_ + 1 < start_;
  if (forgot) return false;
  length_ -= count;
  return true;
}

std::optional<KeysAndValues> KvCache::contents() const {
  if (!keys_ || length_ == 0) return std::nullopt;
  return KeysAndValues{slice(*keys_, 2, 0, length_), slice(*values_, 2, 0, length_), start_};
}

void KvCache::restore(const array& keys, const array& values, int64_t offset) {
  keys_ = keys;
  values_ = values;
  start_ = offset;
  length_ = keys.shape(2);
}

bool Cache::can_trim() const {
  return std::all_of(layers_.begin(), layers_.end(), [](const LayerCache& layer) {
    return std::holds_alternative<KvCache>(layer);
  });
}

bool Cache::trim(int64_t count) {
  if (count == 0) return true;
  if (!can_trim() || count > position_) return false;
  std::vector<LayerCache> trimmed = layers_;
  for (LayerCache& layer : trimmed) {
    if (!std::get<KvCache>(layer).trim(count)) return false;
  }
  layers_ = std::move(trimmed);
  position_ -= count;
  return true;
}

std::vector<array> Cache::arrays() const {
  std::vector<array> all;
  for (const LayerCache& layer : layers_) {
    if (const auto* kv = std::get_if<KvCache>(&layer)) {
      if (const auto contents = kv->contents()) {
        all.push_back(contents->keys);
        all.push_back(contents->values);
      }
    } else {
      const auto& recurrent = std::get<RecurrentCache>(layer);
      if (recurrent.conv) all.push_back(*recurrent.conv);
      if (recurrent.state) all.push_back(*recurrent.state);
    }
  }
  return all;
}

size_t Cache::nbytes() const {
  size_t bytes = 0;
  for (const array& a : arrays()) bytes += a.nbytes();
  return bytes;
}

}  // namespace tarn
