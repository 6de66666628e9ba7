// What a model remembers of the tokens it has seen: keys and values of attention layers, the state
// of recurrent ones. Caches are values: arrays are immutable and shared, so a copy is a cheap
// snapshot or fork; the first write to a shared array copies it, later ones happen in place.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "tarn/core/array.h"

namespace tarn {

// Keys and values as attention reads them.
struct KeysAndValues {
  array keys;  // [B, num_kv_heads, length, head_dim]
  array values;
  int64_t offset;  // absolute position of the first key
};

// Keys and values of one attention layer. They lie in buffers that grow in blocks of kv_block
// tokens; with a window, those that no later token can see are dropped.
class KvCache {
 public:
  static constexpr int64_t kv_block = 256;  // tokens

  // window: how many positions a token sees, its own among them; 0: all.
  explicit KvCache(int64_t window = 0) : window_(window) {}

  // Adds k and v [B, num_kv_heads, T, head_dim], T >= 1; returns all that the T new tokens may see.
  KeysAndValues append(const array& k, const array& v);

  int64_t end() const { return start_ + length_; }  // tokens seen
  // Forgets the last `count` tokens; false, and nothing happens, where what came before is gone.
  bool trim(int64_t count);
  int64_t window() const { return window_; }

  // What is stored; for saving. Null when empty.
  std::optional<KeysAndValues> contents() const;
  void restore(const array& keys, const array& values, int64_t offset);

 private:
  void make_room(const array& like, int64_t more, std::optional<array>& buffer) const;
  int64_t window_;
  int64_t start_ = 0;          // absolute position of the first stored key
  int64_t length_ = 0;         // stored keys
  std::optional<array> keys_;  // [B, num_kv_heads, capacity, head_dim]
  std::optional<array> values_;
};

// The state of a gated delta net layer; null before the first token.
struct RecurrentCache {
  std::optional<array> conv;   // [B, width - 1, channels]: the last inputs of the convolution
  std::optional<array> state;  // [B, num_value_heads, key_head_dim, value_head_dim], float32
};

using LayerCache = std::variant<KvCache, RecurrentCache>;

class Cache {
 public:
  explicit Cache(std::vector<LayerCache> layers) : layers_(std::move(layers)) {}

  int64_t position() const { return position_; }  // tokens seen
  void advance(int64_t tokens) { position_ += tokens; }
  // Announces how long the sequence will at least become. Rope scalings that depend on the length
  // then treat the first chunk of a prompt as they treat the last.
  void expect(int64_t length) { expected_length_ = length; }
  int64_t expected_length() const { return expected_length_; }
  KvCache& kv(size_t layer) { return std::get<KvCache>(layers_[layer]); }
  RecurrentCache& recurrent(size_t layer) { return std::get<RecurrentCache>(layers_[layer]); }
  const std::vector<LayerCache>& layers() const { return layers_; }
  std::vector<LayerCache>& layers() { return layers_; }

  // Whether every layer can forget its last tokens: recurrent layers cannot (keep a copy instead).
  bool can_trim() const;
  // Forgets the last `count` tokens. False, and nothing happens, where that is not possible.
  bool trim(int64_t count);

  // Every array of the cache: evaluate these to have the cache up to date.
  std::vector<array> arrays() const;
  size_t nbytes() const;

 private:
  std::vector<LayerCache> layers_;
  int64_t position_ = 0;
  int64_t expected_length_ = 0;
};

}  // namespace tarn
