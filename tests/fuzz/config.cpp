// Any text either fails with tarn::Error or gives a configuration whose values are in range, with
// rope frequencies that can be computed. The first input byte chooses which parser reads the rest.
#include "tarn/models/config.h"

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "tarn/base/error.h"
#include "tarn/models/generation_config.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void check(const tarn::ModelConfig& config) {
  require(config.hidden_size > 0 && config.vocab_size > 0 && config.intermediate_size > 0);
  require(config.head_dim > 0 && config.num_key_value_heads > 0);
  require(config.num_attention_heads % config.num_key_value_heads == 0);
  require(std::ssize(config.layer_types) == config.num_hidden_layers);
  for (const tarn::LayerType type : config.layer_types) {
    require(type != tarn::LayerType::sliding_attention || config.sliding_window.value_or(0) > 0);
    require(type != tarn::LayerType::linear_attention || config.linear_attention);
  }
  for (const auto* rope : {&config.rope, &config.sliding_rope}) {
    for (const int64_t length : {int64_t{1}, config.max_position_embeddings}) {
      const auto frequencies =
          tarn::rope_frequencies(*rope, config.head_dim, config.max_position_embeddings, length);
      require(2 * std::ssize(frequencies.inv_freq) <= config.head_dim);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    if (data[0] % 2 == 0) {
      tarn::parse_generation_config(text, "fuzz");
      return 0;
    }
    const tarn::ModelConfig config = tarn::parse_model_config(text, "fuzz");
    try {
      check(config);
    } catch (const tarn::Error&) {
      std::abort();  // what parses must also work
    }
  } catch (const tarn::Error& error) {
    require(error.code() == tarn::ErrorCode::corrupt ||
            error.code() == tarn::ErrorCode::unsupported);
  }
  return 0;
}
