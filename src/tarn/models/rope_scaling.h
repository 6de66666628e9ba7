// Rotary position embedding: from a checkpoint's parameters to inverse frequencies. The variants
// and their arithmetic are those of transformers 5 (modeling_rope_utils), computed in float32 as
// there.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace tarn {

enum class RopeType : uint8_t {
  standard,  // "default" in config.json: Su et al., https://arxiv.org/abs/2104.09864
  linear,    // positions divided by `factor`
  dynamic,   // NTK: theta grows with the sequence beyond max_position_embeddings
  yarn,      // Peng et al., https://arxiv.org/abs/2309.00071
  llama3,    // Llama 3.1: long wavelengths divided by `factor`, short ones kept
  longrope,  // Ding et al., https://arxiv.org/abs/2402.13753
};

std::string_view rope_type_name(RopeType type);

struct RopeConfig {
  RopeType type = RopeType::standard;
  double theta = 10000.0;
  double partial_rotary_factor = 1.0;  // share of head_dim that is rotated

  std::optional<double> factor{};  // yarn and longrope: absent means max_position / original
  int64_t original_max_position_embeddings = 0;  // yarn, llama3, longrope
  std::optional<double> attention_factor{};      // yarn, longrope: overrides the derived one
  double beta_fast = 32.0;                       // yarn
  double beta_slow = 1.0;
  double mscale = 0.0;  // yarn; 0: not given
  double mscale_all_dim = 0.0;
  bool truncate = true;
  double low_freq_factor = 1.0;  // llama3
  double high_freq_factor = 4.0;
  std::vector<double> short_factor{};  // longrope: one for each frequency
  std::vector<double> long_factor{};

  // Multimodal rope: frequencies given to the temporal, height and width positions; empty if the
  // model has none. Text positions are equal on all three axes and do not depend on it. The sum is
  // as the file says it and need not equal the number of frequencies.
  std::vector<int64_t> mrope_section{};
  bool mrope_interleaved = false;

  bool operator==(const RopeConfig&) const = default;
};

struct RopeFrequencies {
  // One for each rotated pair of dimensions: 2 * inv_freq.size() of the head's dimensions rotate.
  std::vector<float> inv_freq{};
  float attention_scaling = 1.0F;  // cos and sin are multiplied by it
};

// int(head_dim * partial_rotary_factor); an odd value rotates one dimension more.
int64_t rotary_dim(const RopeConfig& rope, int64_t head_dim);

// How many positions a model made for `max_position` can use: more where a scaling stretches what
// it was made for and max_position still states the length before.
int64_t usable_positions(const RopeConfig& rope, int64_t max_position);

// Whether the frequencies depend on the length of the sequence.
bool rope_depends_on_length(const RopeConfig& rope);

// `max_position` is max_position_embeddings. `seq_len` (0: unknown) decides for dynamic, which
// uses no less than max_position, and for longrope, whose long factors begin above the original
// length. ErrorCode::invalid_argument if the parameters do not fit head_dim or give a frequency
// that is not finite.
RopeFrequencies rope_frequencies(const RopeConfig& rope, int64_t head_dim, int64_t max_position,
                                 int64_t seq_len);

}  // namespace tarn
