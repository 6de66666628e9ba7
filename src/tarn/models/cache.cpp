#include "tarn/models/cache.h"

#include <algorithm>

#include "tarn/base/error.h"
#include "tarn/base/round.h"
#include "tarn/ops/kv_cache.h"
#include "tarn/ops/shape.h"

namespace tarn {

// Gives `buffer` room for `rows` rows: a new, larger one takes over what is still visible. Done at
// once, so that the old one is gone before the next layer grows.
void KvCache::make_room(const array& like, int64_t rows, std::optional<array>& buffer) const {
  const auto fresh = [&] {
    return make_kv_buffer(type_, like.shape(0), like.shape(1), rows, like.shape(3));
  };
  if (length_ == 0) {
    buffer = fresh();
    return;
  }
  // The operation alone holds the new buffer, so it writes in place.
  buffer = slice_update(fresh(), slice(*buffer, 2, 0, length_), 2, 0, length_);
  eval({*buffer});
}

// Forgets what the token at end() and later ones do not see.
void KvCache::drop_unseen() {
  const int64_t first_visible = window_ > 0 ? std::max(start_, end() - window_ + 1) : start_;
  const int64_t drop = std::min(first_visible - start_, length_);
  if (drop <= 0) return;
  keys_ = slice(*keys_, 2, drop, length_);
  values_ = slice(*values_, 2, drop, length_);
  start_ += drop;
  length_ -= drop;
}

KeysAndValues KvCache::append(const array& k, const array& v, const array& first) {
  const int64_t tokens = k.shape(2);
  if (!fits(tokens)) {
    if (keys_) drop_unseen();
    // Half as much again, so that copying stays a small part of a long generation's work.
    const int64_t spare = window_ > 0 ? 0 : length_ / 2;
    int64_t rows = length_ + tokens + std::max(spare, kv_block / 2);
    if (window_ == 0 && expected_ > end() + tokens) rows = expected_ + kv_block / 2;
    rows = round_up(rows, kv_block);
    make_room(k, rows, keys_);
    make_room(v, rows, values_);
    key_dim_ = k.shape(3);
    value_dim_ = v.shape(3);
  }
  keys_ = kv_update(*keys_, k, first, type_, start_);
  values_ = kv_update(*values_, v, first, type_, start_);
  length_ += tokens;
  return {*keys_, *values_, start_};
}

bool KvCache::fits(int64_t tokens) const { return keys_ && length_ + tokens <= keys_->shape(2); }

int64_t KvCache::capacity() const { return keys_ ? keys_->shape(2) : 0; }

std::vector<array*> KvCache::buffers() {
  if (!keys_) return {};
  return {&*keys_, &*values_};
}

void KvCache::advance(int64_t tokens) {
  if (!fits(tokens)) {
    fail(ErrorCode::internal, "cache: {} tokens do not fit behind {} in buffers of {}", tokens,
         length_, capacity());
  }
  length_ += tokens;
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

std::optional<KeysAndValues> KvCache::floats() const {
  std::optional<KeysAndValues> all = contents();
  if (!all) return std::nullopt;
  return KeysAndValues{kv_read(all->keys, type_, key_dim_), kv_read(all->values, type_, value_dim_),
                       start_};
}

void KvCache::restore(const array& keys, const array& values, int64_t offset, int64_t key_dim,
                      int64_t value_dim) {
  keys_ = keys;
  values_ = values;
  start_ = offset;
  length_ = keys.shape(2);
  key_dim_ = key_dim;
  value_dim_ = value_dim;
}

void Cache::expect(int64_t length) {
  expected_length_ = length;
  reserve(length);
}

void Cache::reserve(int64_t length) {
  for (LayerCache& layer : layers_) {
    if (auto* kv = std::get_if<KvCache>(&layer)) kv->expect(length);
  }
}

bool Cache::fits(int64_t tokens) const {
  return std::all_of(layers_.begin(), layers_.end(), [&](const LayerCache& layer) {
    if (const auto* kv = std::get_if<KvCache>(&layer)) return kv->fits(tokens);
    const auto& recurrent = std::get<RecurrentCache>(layer);
    return recurrent.conv && recurrent.state;
  });
}

std::vector<array*> Cache::buffers() {
  std::vector<array*> all;
  for (LayerCache& layer : layers_) {
    if (auto* kv = std::get_if<KvCache>(&layer)) {
      for (array* buffer : kv->buffers()) all.push_back(buffer);
    } else {
      auto& recurrent = std::get<RecurrentCache>(layer);
      if (recurrent.conv) all.push_back(&*recurrent.conv);
      if (recurrent.state) all.push_back(&*recurrent.state);
    }
  }
  return all;
}

std::vector<int64_t> Cache::layout() const {
  std::vector<int64_t> all;
  for (const LayerCache& layer : layers_) {
    if (const auto* kv = std::get_if<KvCache>(&layer)) {
      all.push_back(kv->capacity());
      all.push_back(kv->start());
    }
  }
  return all;
}

void Cache::advance_all(int64_t tokens) {
  for (LayerCache& layer : layers_) {
    if (auto* kv = std::get_if<KvCache>(&layer)) kv->advance(tokens);
  }
  advance(tokens);
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
