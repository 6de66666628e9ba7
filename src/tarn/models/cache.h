// What a model remembers of the tokens it has seen: keys and values of attention layers, the state
// of recurrent ones. Caches are values: arrays are immutable and shared, so a copy is a cheap
// snapshot or fork; the first write to a shared array copies it, later ones happen in place.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "tarn/core/array.h"
#include "tarn/quant/kv_format.h"

namespace tarn {

// Keys and values as attention reads them: rows of quant/kv_format.h.
struct KeysAndValues {
  array keys;  // [B, num_kv_heads, rows, ...]
  array values;
  int64_t offset;  // absolute position of the first row
};

// Keys and values of one attention layer. They lie in buffers that grow by half, in blocks of
// kv_block tokens; with a window, those that no later token can see are dropped.
//
// A step that appends bakes no length into its graph, only the buffers' capacity and start(). It
// can thus be run again with other arrays: while fits(T) holds, the same operations on buffers()
// and another first position do what append would, if advance(T) follows.
class KvCache {
 public:
  static constexpr int64_t kv_block = 256;  // tokens

  // window: how many positions a token sees, its own among them; 0: all.
  explicit KvCache(int64_t window = 0, KvType type = KvType::f32) : window_(window), type_(type) {}

  // Adds k and v [B, num_kv_heads, T, head_dim], T >= 1; first: int32 [], the position end() of the
  // first of them. Returns the whole buffers: rows behind the last token hold nothing. Where there
  // is no room the buffers grow at once, one after the other, so that only one is there twice.
  KeysAndValues append(const array& k, const array& v, const array& first);

  int64_t end() const { return start_ + length_; }  // tokens seen
  // Forgets the last `count` tokens; false, and nothing happens, where what came before is gone.
  bool trim(int64_t count);
  int64_t window() const { return window_; }
  KvType type() const { return type_; }
  int64_t key_dim() const { return key_dim_; }  // values of a row; 0 before the first append
  int64_t value_dim() const { return value_dim_; }
  // The buffers will at least be needed for positions below `length`: they are then made for it.
  void expect(int64_t length) { expected_ = std::max(expected_, length); }

  // What is stored; for saving. Null when empty.
  std::optional<KeysAndValues> contents() const;
  // The same, as float32 [B, num_kv_heads, length, head_dim].
  std::optional<KeysAndValues> floats() const;
  // Takes over what contents() of a cache of the same type gave, for heads of these sizes.
  void restore(const array& keys, const array& values, int64_t offset, int64_t key_dim,
               int64_t value_dim);

  // For running a recorded step again.
  bool fits(int64_t tokens) const;          // whether append would write in place
  int64_t capacity() const;                 // rows of the buffers; 0: none yet
  int64_t start() const { return start_; }  // absolute position of row 0
  std::vector<array*> buffers();            // keys, values; none before the first append
  void advance(int64_t tokens);             // counts tokens that were written; no more than fit

 private:
  void drop_unseen();
  void make_room(const array& like, int64_t rows, std::optional<array>& buffer) const;
  int64_t window_;
  KvType type_;
  int64_t expected_ = 0;
  int64_t start_ = 0;    // absolute position of row 0
  int64_t length_ = 0;   // rows in use
  int64_t key_dim_ = 0;  // values of a row
  int64_t value_dim_ = 0;
  std::optional<array> keys_;  // [B, num_kv_heads, capacity, ...]
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
  // then treat the first chunk of a prompt as they treat the last, and keys and values get buffers
  // of that size at once.
  void expect(int64_t length);
  // The buffers alone: they are made for as many tokens once they have to be made anew. What was
  // asked for before and is more stays.
  void reserve(int64_t length);
  int64_t expected_length() const { return expected_length_; }
  KvCache& kv(size_t layer) { return std::get<KvCache>(layers_[layer]); }
  RecurrentCache& recurrent(size_t layer) { return std::get<RecurrentCache>(layers_[layer]); }
  const std::vector<LayerCache>& layers() const { return layers_; }
  std::vector<LayerCache>& layers() { return layers_; }

  // Whether every layer can forget its last tokens: recurrent layers cannot (keep a copy instead).
  bool can_trim() const;
  // Forgets the last `count` tokens. False, and nothing happens, where that is not possible.
  bool trim(int64_t count);

  // For running a recorded step again (models/stepper.h). Whether `tokens` more can be written
  // without new buffers, and every layer has its state.
  bool fits(int64_t tokens) const;
  // Where the arrays of all layers are kept, in one order; they may be taken and replaced.
  std::vector<array*> buffers();
  // What a recorded step takes for granted: two caches with equal layouts can share it.
  std::vector<int64_t> layout() const;
  // Counts tokens, in every layer, that such a step has written.
  void advance_all(int64_t tokens);

  // Every array of the cache: evaluate these to have the cache up to date.
  std::vector<array> arrays() const;
  size_t nbytes() const;

 private:
  std::vector<LayerCache> layers_;
  int64_t position_ = 0;
  int64_t expected_length_ = 0;
};

}  // namespace tarn
