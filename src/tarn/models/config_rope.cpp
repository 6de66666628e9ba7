#include <array>
#include <string>
#include <utility>

#include "tarn/io/quote.h"
#include "tarn/models/config_parts.h"

namespace tarn {
namespace {

constexpr double kMaxTheta = 1e18;
constexpr double kMaxFactor = 1e9;
constexpr int64_t kMaxPosition = int64_t{1} << 40;
constexpr size_t kMaxFrequencies = 1 << 15;

constexpr std::array kTypeNames{
    std::pair{std::string_view("default"), RopeType::standard},
    std::pair{std::string_view("mrope"), RopeType::standard},  // the same plus mrope_section
    std::pair{std::string_view("linear"), RopeType::linear},
    std::pair{std::string_view("dynamic"), RopeType::dynamic},
    std::pair{std::string_view("yarn"), RopeType::yarn},
    std::pair{std::string_view("llama3"), RopeType::llama3},
    std::pair{std::string_view("longrope"), RopeType::longrope},
    std::pair{std::string_view("su"), RopeType::longrope},  // its first name
};

RopeType parse_type(const JsonFields& rope) {
  const char* const key = rope.has("rope_type") ? "rope_type" : "type";
  const std::string name = rope.text(key).value_or("default");
  for (const auto& [known, type] : kTypeNames) {
    if (known == name) return type;
  }
  rope.fail_at(ErrorCode::unsupported, key, "is " + quote(name) + ", which Tarn does not compute",
               "supported are default, linear, dynamic, yarn, llama3 and longrope");
}

// Values that stand beside the rope object, for keys that it lacks.
struct Outer {
  double theta;
  double partial_rotary_factor;
  int64_t max_position;
  std::optional<int64_t> original;  // wins over the object's own
};

double required(const JsonFields& rope, std::string_view key, double least) {
  const auto value = rope.number(key, least, kMaxFactor);
  if (!value) rope.broken(key, "is missing, but this rope_type needs it");
  return *value;
}

void read_scaling(const JsonFields& rope, const Outer& outer, RopeConfig& result) {
  constexpr double tiny = 1e-9;  // what divides must not be zero
  result.factor = rope.number("factor", tiny, kMaxFactor);
  if (!result.factor && result.type != RopeType::yarn && result.type != RopeType::longrope) {
    rope.broken("factor", "is missing, but this rope_type needs it");
  }
  if (result.type == RopeType::linear || result.type == RopeType::dynamic) return;

  const auto own = rope.integer("original_max_position_embeddings", 1, kMaxPosition);
  result.original_max_position_embeddings =
      outer.original ? *outer.original : own.value_or(outer.max_position);
  if (result.type == RopeType::llama3) {
    result.low_freq_factor = required(rope, "low_freq_factor", tiny);
    result.high_freq_factor = required(rope, "high_freq_factor", tiny);
    if (result.high_freq_factor <= result.low_freq_factor) {
      rope.broken("high_freq_factor", "is {}, not above low_freq_factor {}",
                  result.high_freq_factor, result.low_freq_factor);
    }
    return;
  }
  result.attention_factor = rope.number("attention_factor", 0.0, kMaxFactor);
  if (result.type == RopeType::longrope) {
    result.short_factor = rope.numbers("short_factor", tiny, kMaxFactor, kMaxFrequencies);
    result.long_factor = rope.numbers("long_factor", tiny, kMaxFactor, kMaxFrequencies);
    return;
  }
  // Zero counts as not given, as in Python's `or`.
  const auto or_default = [](double value, double absent) { return value == 0.0 ? absent : value; };
  result.beta_fast = or_default(rope.number_or("beta_fast", 0.0, kMaxFactor, 0.0), 32.0);
  result.beta_slow = or_default(rope.number_or("beta_slow", 0.0, kMaxFactor, 0.0), 1.0);
  result.mscale = rope.number_or("mscale", -kMaxFactor, kMaxFactor, 0.0);
  result.mscale_all_dim = rope.number_or("mscale_all_dim", -kMaxFactor, kMaxFactor, 0.0);
  result.truncate = rope.boolean_or("truncate", true);
}

RopeConfig read_rope(const JsonFields& rope, const Outer& outer, const FamilyTraits& family) {
  RopeConfig result;
  result.type = parse_type(rope);
  result.theta = rope.number_or("rope_theta", 1.0, kMaxTheta, outer.theta);
  result.partial_rotary_factor =
      rope.number_or("partial_rotary_factor", 0.0, 1.0, outer.partial_rotary_factor);
  if (result.type != RopeType::standard) read_scaling(rope, outer, result);
  result.mrope_section = rope.integers("mrope_section", 0, kMaxFrequencies, 3);
  if (!result.mrope_section.empty() && result.mrope_section.size() != 3) {
    rope.broken("mrope_section", "has {} values, not 3 (time, height, width)",
                result.mrope_section.size());
  }
  if (family.family == ModelFamily::qwen3_5) {
    if (result.mrope_section.empty()) {
      result.mrope_section.assign(std::begin(kDefaultMropeSection), std::end(kDefaultMropeSection));
    }
    result.mrope_interleaved = true;  // the architecture's, whatever the key says
  }
  return result;
}

// The sequence lengths on both sides of longrope's switch.
void check_frequencies(const JsonFields& config, const RopeConfig& rope, int64_t head_dim,
                       int64_t max_position) {
  try {
    rope_frequencies(rope, head_dim, max_position, 0);
    rope_frequencies(rope, head_dim, max_position, rope.original_max_position_embeddings + 1);
  } catch (const Error& error) {
    fail(ErrorCode::corrupt, "{}: {}", config.source(), error.what());
  }
}

}  // namespace

LayerRopes parse_rope(const JsonFields& config, const FamilyTraits& family, int64_t head_dim,
                      int64_t max_position) {
  Outer outer{.theta = config.number_or("rope_theta", 1.0, kMaxTheta, kDefaultRopeTheta),
              .partial_rotary_factor =
                  config.number_or("partial_rotary_factor", 0.0, 1.0, family.partial_rotary_factor),
              .max_position = max_position,
              .original = config.integer("original_max_position_embeddings", 1, kMaxPosition)};
  std::optional<JsonFields> rope = config.object("rope_scaling");
  if (!rope || rope->value().empty()) rope = config.object("rope_parameters");

  static const json none = json::object();
  LayerRopes result;
  const auto full = rope ? rope->object("full_attention") : std::nullopt;
  const auto sliding = rope ? rope->object("sliding_attention") : std::nullopt;
  if (full || sliding) {
    outer.original.reset();
    result.full = read_rope(full ? *full : *sliding, outer, family);
    result.sliding = read_rope(sliding ? *sliding : *full, outer, family);
  } else {
    result.full = read_rope(rope ? *rope : JsonFields(none, config.source(), "rope_parameters."),
                            outer, family);
    result.sliding = result.full;
  }
  check_frequencies(config, result.full, head_dim, max_position);
  check_frequencies(config, result.sliding, head_dim, max_position);
  return result;
}

}  // namespace tarn
