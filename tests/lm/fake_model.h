// A model whose next token is a plain function of all tokens so far: enough to see whether an
// engine feeds it the right tokens in the right order.
#pragma once

#include <vector>

#include "tarn/models/model.h"
#include "tarn/ops/elementwise.h"

namespace tarn::testing {

class FakeModel : public Model {
 public:
  // recurrent: the cache holds a hash of the tokens and cannot be trimmed; otherwise the tokens
  // themselves, as keys.
  explicit FakeModel(bool recurrent = false, int64_t context = 1000, KvType kv_type = KvType::f32)
      : recurrent_(recurrent), kv_type_(kv_type) {
    config_.model_type = "fake";
    config_.vocab_size = vocab;
    config_.max_position_embeddings = context;
  }

  static constexpr int64_t vocab = 64;

  static int32_t next_token(const std::vector<int32_t>& tokens) {
    int64_t hash = 0;
    for (const int32_t token : tokens) hash = mix(hash, token);
    return static_cast<int32_t>(hash % vocab);
  }

  const ModelConfig& config() const override { return config_; }
  const ModelSize& size() const override { return size_; }
  Cache make_cache() const override {
    std::vector<LayerCache> layers;
    if (recurrent_) {
      layers.emplace_back(RecurrentCache{});
    } else {
      layers.emplace_back(KvCache(0, kv_type_));
    }
    return Cache(std::move(layers));
  }

  array forward(const std::vector<int32_t>& tokens, Cache& cache, LogitsFor which) const override {
    chunks.push_back(static_cast<int64_t>(tokens.size()));
    const auto count = static_cast<int64_t>(tokens.size());
    std::vector<float> values(tokens.begin(), tokens.end());
    std::vector<float> hashes;
    if (recurrent_) {
      RecurrentCache& layer = cache.recurrent(0);
      int64_t hash = layer.state ? static_cast<int64_t>(layer.state->to_vector<float>()[0]) : 0;
      for (const int32_t token : tokens) {
        hash = mix(hash, token);
        hashes.push_back(static_cast<float>(hash));
      }
      layer.state = array({hashes.back()}, {1, 1, 1, 1});
      layer.conv = array({values.back()}, {1, 1, 1});
    } else {
      const array keys(values, {1, 1, count, 1});
      cache.kv(0).append(keys, keys * 2.0F, array(static_cast<int>(cache.position())));
      const KeysAndValues all = cache.kv(0).floats().value();
      int64_t hash = 0;
      for (const float token : all.keys.to_vector<float>()) {
        hash = mix(hash, static_cast<int32_t>(token));
        hashes.push_back(static_cast<float>(hash));
      }
      hashes.erase(hashes.begin(), hashes.end() - count);
    }
    cache.advance(count);
    if (which == LogitsFor::none) return array(0.0F);
    if (which == LogitsFor::last_token) hashes.erase(hashes.begin(), hashes.end() - 1);
    std::vector<float> logits;
    for (const float hash : hashes) {
      const auto best = static_cast<int64_t>(hash) % vocab;
      for (int64_t i = 0; i < vocab; ++i) {
        logits.push_back(-static_cast<float>((i - best + vocab) % vocab) * 0.125F);
      }
    }
    return {logits, {static_cast<int64_t>(hashes.size()), vocab}};
  }

  mutable std::vector<int64_t> chunks;  // tokens of each forward

 private:
  static int64_t mix(int64_t hash, int32_t token) { return (hash * 31 + token + 7) % 65521; }
  bool recurrent_;
  KvType kv_type_;
  ModelConfig config_;
  ModelSize size_;
};

}  // namespace tarn::testing
