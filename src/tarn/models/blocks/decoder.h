// The frame of a decoder-only model: embedding, layers, final norm, output projection.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tarn/models/blocks/attention.h"
#include "tarn/models/blocks/linear.h"
#include "tarn/models/blocks/norm.h"
#include "tarn/models/model.h"
#include "tarn/ops/shape.h"

namespace tarn::blocks {

// An empty cache of the kind each layer of `config` needs.
Cache make_decoder_cache(const ModelConfig& config, KvType kv_type);
// Throws for ids outside the vocabulary and for no ids.
array token_array(const std::vector<int32_t>& tokens, int64_t vocab_size);  // [1, T]

// Whether any layer's rotary embedding depends on how long the sequence gets.
bool rope_depends_on_length(const ModelConfig& config);

// How the weights are stored, for people: "BF16", "affine 4-bit g64".
std::string describe_format(const ModelConfig& config);

// Layer(builder, "layers.<i>", i) loads a layer; layer(x, sequences, i) runs it on [1, T, hidden].
template <typename Layer>
class Decoder final : public Model {
 public:
  Decoder(const ModelConfig& config, Weights& weights, const LoadOptions& options,
          float norm_weight_offset = 0.0F)
      : config_(config),
        kv_type_(options.cache_type()),
        builder_{weights, config_, options, size_},
        embed_tokens_(builder_, "embed_tokens", config.vocab_size, config.hidden_size,
                      config.tie_word_embeddings),
        norm_(builder_, "norm", config.hidden_size, norm_weight_offset) {
    layers_.reserve(config.layer_types.size());
    for (size_t i = 0; i < config.layer_types.size(); ++i) {
      layers_.emplace_back(builder_, "layers." + std::to_string(i), i);
    }
    if (config.tie_word_embeddings) {
      weights.ignore("lm_head.");
    } else {
      lm_head_.emplace(builder_, "lm_head", config.vocab_size, config.hidden_size, false);
    }
    size_.parameters = weights.parameters();
    size_.format = describe_format(config);
  }

  const ModelConfig& config() const override { return config_; }
  const ModelSize& size() const override { return size_; }
  Cache make_cache() const override { return make_decoder_cache(config_, kv_type_); }

  array forward(const std::vector<int32_t>& tokens, Cache& cache, LogitsFor which) const override {
    return graph(token_array(tokens, config_.vocab_size),
                 {array(static_cast<int>(cache.position()))}, {&cache}, which);
  }

  StepGraph step_graph() const override {
    if (rope_depends_on_length(config_)) return nullptr;
    return [this](const array& ids, const std::vector<array>& firsts,
                  const std::vector<Cache*>& caches,
                  LogitsFor which) { return graph(ids, firsts, caches, which); };
  }

 private:
  array graph(const array& ids, const std::vector<array>& firsts, const std::vector<Cache*>& caches,
              LogitsFor which) const {
    const int64_t count = ids.shape(1);
    const int64_t each = count / static_cast<int64_t>(caches.size());
    array x = embed_tokens_(ids);  // [1, T, hidden]
    Sequences sequences{caches, firsts, 0};
    for (const Cache* cache : caches) {
      sequences.length =
          std::max({sequences.length, cache->expected_length(), cache->position() + each});
    }
    for (size_t i = 0; i < layers_.size(); ++i) x = layers_[i](x, sequences, i);
    for (Cache* cache : caches) cache->advance(each);
    if (which == LogitsFor::none) return x;
    if (which == LogitsFor::last_token) {
      x = sequences.each(
          count, [&](size_t, int64_t, int64_t stop) { return slice(x, 1, stop - 1, stop); });
    }
    x = norm_(x);
    if (which == LogitsFor::hidden_states) return squeeze(x, 0);  // [T, hidden]
    const array logits = lm_head_ ? (*lm_head_)(x) : embed_tokens_.project(x);
    return squeeze(logits, 0);  // [T, vocab]
  }

  ModelConfig config_;
  ModelSize size_;
  KvType kv_type_;
  Builder builder_;  // used while loading only
  Embedding embed_tokens_;
  RmsNorm norm_;
  std::vector<Layer> layers_;
  std::optional<Linear> lm_head_;
};

}  // namespace tarn::blocks
