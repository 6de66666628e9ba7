#include "tarn/models/blocks/rope.h"

#include "tarn/ops/rope.h"

namespace tarn::blocks {
namespace {

array to_array(const RopeFrequencies& frequencies) {
  return {frequencies.inv_freq, {static_cast<int64_t>(frequencies.inv_freq.size())}};
}

}  // namespace

Rope::Rope(const RopeConfig& config, int64_t head_dim, int64_t max_position)
    : config_(config),
      head_dim_(head_dim),
      max_position_(max_position),
      depends_on_length_(rope_depends_on_length(config)),
      inv_freq_(0.0F) {
  const RopeFrequencies frequencies = rope_frequencies(config, head_dim, max_position, 0);
  inv_freq_ = to_array(frequencies);
  scaling_ = frequencies.attention_scaling;
}

array Rope::operator()(const array& x, const array& position, int64_t length) const {
  if (!depends_on_length_) return rope(x, inv_freq_, position, false, scaling_);
  const RopeFrequencies frequencies = rope_frequencies(config_, head_dim_, max_position_, length);
  return rope(x, to_array(frequencies), position, false, frequencies.attention_scaling);
}

}  // namespace tarn::blocks
