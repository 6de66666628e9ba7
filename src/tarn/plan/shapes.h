// Shapes of published models, built in: their config.json without weights (plan/shapes/*.json).
#pragma once

#include <span>
#include <string_view>

namespace tarn::plan {

struct NamedShape {
  std::string_view name;    // "llama-3.1-8b"
  std::string_view config;  // the text of a config.json
};

std::span<const NamedShape> named_shapes();           // by name
const NamedShape* find_shape(std::string_view name);  // null: there is none

}  // namespace tarn::plan
