// A language model: from token ids and a cache to logits. load_model reads any supported
// checkpoint.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tarn/core/array.h"
#include "tarn/models/cache.h"
#include "tarn/models/config.h"
#include "tarn/models/probe.h"

namespace tarn {

enum class LogitsFor : uint8_t {
  all_tokens,
  last_token,
  hidden_states,  // no logits: what the last norm gives for each token, [T, hidden_size]
  none,           // only the cache is wanted: all but the last chunk of a prompt
};

struct ModelSize {
  int64_t parameters = 0;       // values, as before quantization
  int64_t weight_bytes = 0;     // as they lie in memory for computing
  int64_t bytes_per_token = 0;  // weight bytes that one token's step reads
  std::string format;           // "bf16", "affine 4-bit g64", "mixed: ..."
};

class Model {
 public:
  virtual ~Model() = default;
  Model() = default;
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  virtual const ModelConfig& config() const = 0;
  virtual const ModelSize& size() const = 0;
  virtual Cache make_cache() const = 0;

  // Runs `tokens` (T >= 1 ids, below the vocabulary size) behind what `cache` holds and appends
  // them to it. Returns lazy float32 logits [T, vocab] or [1, vocab], or for `none` an array whose
  // evaluation completes the step. Does not check the context limit. Not for one cache from two
  // threads at once.
  virtual array forward(const std::vector<int32_t>& tokens, Cache& cache,
                        LogitsFor which) const = 0;

  // The same graph from arrays and for several sequences, so that it can be recorded and run again
  // with others (models/stepper.h): ids int32 [1, T], the same number for each sequence side by
  // side, and the positions, int32 [] each, of the first of them. Logits are those of all tokens or
  // of each sequence's last. Does not check the ids. Null when a step depends on its position in
  // other ways too.
  using StepGraph = std::function<array(const array& ids, const std::vector<array>& firsts,
                                        const std::vector<Cache*>& caches, LogitsFor)>;
  virtual StepGraph step_graph() const { return nullptr; }
};

struct LoadOptions {
  bool exact = false;  // float activations in all products, for verification
  // How caches store keys and values; by default bf16, and f32 with `exact`.
  std::optional<KvType> kv_type = {};
  std::shared_ptr<Probe> probe = {};  // null: none

  KvType cache_type() const { return kv_type.value_or(exact ? KvType::f32 : KvType::bf16); }
  // Whether activations stay float in products with dense weights: who asks for float32 caches does
  // not want them rounded on the way either.
  bool exact_dense() const { return exact || cache_type() == KvType::f32; }
};

// `folder`: Hugging Face layout (config.json, *.safetensors). Prints what was left out or is
// unusual through tarn::log. Errors name the file, the tensor and the remedy.
std::unique_ptr<Model> load_model(const std::filesystem::path& folder,
                                  const LoadOptions& options = {});

}  // namespace tarn
