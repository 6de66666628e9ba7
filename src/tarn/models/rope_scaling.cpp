#include "tarn/models/rope_scaling.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tarn/base/error.h"

namespace tarn {
namespace {

// theta^(2i/dim), rounded as a float32 tensor rounds its exponent and its power.
std::vector<float> powers(double theta, int64_t dim) {
  std::vector<float> result;
  const auto base = static_cast<double>(static_cast<float>(theta));
  for (int64_t i = 0; i < dim; i += 2) {
    const float exponent = static_cast<float>(i) / static_cast<float>(dim);
    result.push_back(static_cast<float>(std::pow(base, static_cast<double>(exponent))));
  }
  return result;
}

std::vector<float> inverse_powers(double theta, int64_t dim) {
  std::vector<float> result = powers(theta, dim);
  for (float& x : result) x = 1.0F / x;
  return result;
}

double extension(const RopeConfig& rope, int64_t max_position) {
  if (rope.factor) return *rope.factor;
  return static_cast<double>(max_position) /
         static_cast<double>(rope.original_max_position_embeddings);
}

RopeFrequencies linear(const RopeConfig& rope, int64_t dim) {
  RopeFrequencies result{inverse_powers(rope.theta, dim), 1.0F};
  const auto factor = static_cast<float>(rope.factor.value_or(1.0));
  for (float& x : result.inv_freq) x /= factor;
  return result;
}

RopeFrequencies dynamic(const RopeConfig& rope, int64_t dim, int64_t max_position,
                        int64_t seq_len) {
  const auto length = static_cast<double>(std::max(seq_len, max_position));
  const double factor = rope.factor.value_or(1.0);
  const double growth = factor * length / static_cast<double>(max_position) - (factor - 1.0);
  const double power = static_cast<double>(dim) / static_cast<double>(dim - 2);
  return {inverse_powers(rope.theta * std::pow(growth, power), dim), 1.0F};
}

double yarn_mscale(double scale, double mscale) {
  return scale <= 1.0 ? 1.0 : 0.1 * mscale * std::log(scale) + 1.0;
}

RopeFrequencies yarn(const RopeConfig& rope, int64_t dim, int64_t max_position) {
  const double factor = extension(rope, max_position);
  RopeFrequencies result;
  if (rope.attention_factor) {
    result.attention_scaling = static_cast<float>(*rope.attention_factor);
  } else if (rope.mscale != 0.0 && rope.mscale_all_dim != 0.0) {
    result.attention_scaling = static_cast<float>(yarn_mscale(factor, rope.mscale) /
                                                  yarn_mscale(factor, rope.mscale_all_dim));
  } else {
    result.attention_scaling = static_cast<float>(yarn_mscale(factor, 1.0));
  }
  // The dimension whose wavelength makes this many rotations within the original length.
  const auto correction_dim = [&](double rotations) {
    const auto original = static_cast<double>(rope.original_max_position_embeddings);
    return static_cast<double>(dim) * std::log(original / (rotations * 2.0 * std::numbers::pi)) /
           (2.0 * std::log(rope.theta));
  };
  double low = correction_dim(rope.beta_fast);
  double high = correction_dim(rope.beta_slow);
  if (rope.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(dim - 1));
  if (low == high) high += 0.001;  // the ramp below divides by their distance
  const std::vector<float> pos = powers(rope.theta, dim);
  const auto scale = static_cast<float>(factor);
  for (size_t i = 0; i < pos.size(); ++i) {
    const float ramp = std::clamp(
        (static_cast<float>(i) - static_cast<float>(low)) / static_cast<float>(high - low), 0.0F,
        1.0F);
    const float keep = 1.0F - ramp;
    result.inv_freq.push_back(1.0F / (scale * pos[i]) * (1.0F - keep) + 1.0F / pos[i] * keep);
  }
  return result;
}

RopeFrequencies llama3(const RopeConfig& rope, int64_t dim) {
  RopeFrequencies result{inverse_powers(rope.theta, dim), 1.0F};
  const auto factor = static_cast<float>(rope.factor.value_or(1.0));
  const auto original = static_cast<double>(rope.original_max_position_embeddings);
  const auto low_wavelength = static_cast<float>(original / rope.low_freq_factor);
  const auto high_wavelength = static_cast<float>(original / rope.high_freq_factor);
  const auto low = static_cast<float>(rope.low_freq_factor);
  const auto range = static_cast<float>(rope.high_freq_factor - rope.low_freq_factor);
  for (float& x : result.inv_freq) {
    const float wavelength = static_cast<float>(2.0 * std::numbers::pi) / x;
    if (wavelength > low_wavelength) {
      x /= factor;
    } else if (wavelength >= high_wavelength) {
      const float smooth = (static_cast<float>(original) / wavelength - low) / range;
      x = (1.0F - smooth) * x / factor + smooth * x;
    }
  }
  return result;
}

RopeFrequencies longrope(const RopeConfig& rope, int64_t dim, int64_t max_position,
                         int64_t seq_len) {
  const bool is_long = seq_len > rope.original_max_position_embeddings;
  const std::vector<double>& factors = is_long ? rope.long_factor : rope.short_factor;
  RopeFrequencies result{powers(rope.theta, dim), 1.0F};
  if (factors.size() != result.inv_freq.size()) {
    fail(ErrorCode::invalid_argument,
         "rope: longrope has {} {} factors, the rotary dimension {} needs {}: correct "
         "rope_parameters in config.json",
         factors.size(), is_long ? "long" : "short", dim, result.inv_freq.size());
  }
  for (size_t i = 0; i < factors.size(); ++i) {
    result.inv_freq[i] = 1.0F / (static_cast<float>(factors[i]) * result.inv_freq[i]);
  }
  const double factor = extension(rope, max_position);
  const auto original = static_cast<double>(rope.original_max_position_embeddings);
  result.attention_scaling = static_cast<float>(rope.attention_factor.value_or(
      factor <= 1.0 ? 1.0 : std::sqrt(1.0 + std::log(factor) / std::log(original))));
  return result;
}

void check_dimensions(const RopeConfig& rope, int64_t head_dim, int64_t dim, int64_t max_position) {
  // Dynamic divides by dim - 2; yarn's ramp has dim / 2 steps and needs as many frequencies.
  const bool even = dim % 2 == 0 || rope.type != RopeType::yarn;
  const bool enough = dim >= (rope.type == RopeType::dynamic ? 3 : 1);
  if (!even || !enough || dim + dim % 2 > head_dim) {
    fail(ErrorCode::invalid_argument,
         "rope: {} cannot rotate {} of {} dimensions: correct head_dim or partial_rotary_factor in "
         "config.json",
         rope_type_name(rope.type), dim, head_dim);
  }
  const bool scaled = rope.type == RopeType::yarn || rope.type == RopeType::llama3 ||
                      rope.type == RopeType::longrope;
  if (max_position < 1 || (scaled && rope.original_max_position_embeddings < 1)) {
    fail(ErrorCode::invalid_argument,
         "rope: {} needs positive max_position_embeddings and original_max_position_embeddings: "
         "set them in config.json",
         rope_type_name(rope.type));
  }
}

RopeFrequencies compute(const RopeConfig& rope, int64_t dim, int64_t max_position,
                        int64_t seq_len) {
  switch (rope.type) {
    case RopeType::standard:
      return {inverse_powers(rope.theta, dim), 1.0F};
    case RopeType::linear:
      return linear(rope, dim);
    case RopeType::dynamic:
      return dynamic(rope, dim, max_position, seq_len);
    case RopeType::yarn:
      return yarn(rope, dim, max_position);
    case RopeType::llama3:
      return llama3(rope, dim);
    case RopeType::longrope:
      return longrope(rope, dim, max_position, seq_len);
  }
  fail(ErrorCode::internal, "rope: unknown type: please report this");
}

}  // namespace

std::string_view rope_type_name(RopeType type) {
  constexpr std::string_view names[] = {"default", "linear", "dynamic",
                                        "yarn",    "llama3", "longrope"};
  return names[static_cast<size_t>(type)];
}

int64_t rotary_dim(const RopeConfig& rope, int64_t head_dim) {
  return static_cast<int64_t>(static_cast<double>(head_dim) * rope.partial_rotary_factor);
}

int64_t usable_positions(const RopeConfig& rope, int64_t max_position) {
  if (rope.type == RopeType::standard || !rope.factor) return max_position;
  const int64_t before = rope.original_max_position_embeddings > 0
                             ? rope.original_max_position_embeddings
                             : max_position;
  // A factor may be any positive number: the product is bounded before it becomes an integer.
  constexpr double most = 1LL << 40;
  const double stretched = static_cast<double>(before) * *rope.factor;
  return std::max(max_position, static_cast<int64_t>(std::min(stretched, most)));
}

bool rope_depends_on_length(const RopeConfig& rope) {
  return rope.type == RopeType::dynamic || rope.type == RopeType::longrope;
}

RopeFrequencies rope_frequencies(const RopeConfig& rope, int64_t head_dim, int64_t max_position,
                                 int64_t seq_len) {
  const int64_t dim = rotary_dim(rope, head_dim);
  check_dimensions(rope, head_dim, dim, max_position);
  RopeFrequencies result = compute(rope, dim, max_position, seq_len);
  const auto finite = [](float x) { return std::isfinite(x); };
  if (!std::all_of(result.inv_freq.begin(), result.inv_freq.end(), finite) ||
      !finite(result.attention_scaling)) {
    fail(ErrorCode::invalid_argument,
         "rope: the parameters of {} give a frequency that is not finite: correct rope_parameters "
         "in "
         "config.json",
         rope_type_name(rope.type));
  }
  return result;
}

}  // namespace tarn
