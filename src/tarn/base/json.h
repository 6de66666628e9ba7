// JSON from files and requests: nlohmann's parser behind limits, with errors that name the source.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace tarn {

using json = nlohmann::json;
using ordered_json = nlohmann::ordered_json;

// Parses one document. `source` opens every error message. Nesting deeper than `max_depth` and
// duplicate keys within one object are errors. `allow_nonfinite` accepts the bare words NaN,
// Infinity and -Infinity that Python's json writes (outside strings only).
json parse_json(std::string_view text, std::string_view source, int max_depth = 64,
                bool allow_nonfinite = false);

// The same, keys in the order of the text.
ordered_json parse_ordered_json(std::string_view text, std::string_view source, int max_depth = 64);

}  // namespace tarn
