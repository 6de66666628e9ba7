// JSON Schema as rules of a grammar: every text that follows them is valid JSON and valid against
// the schema.
#pragma once

#include "tarn/base/json.h"
#include "tarn/text/grammar/expressions.h"

namespace tarn::text::grammar {

// Adds the rules of `schema` and returns the one to start with.
Rule add_schema(const ordered_json& schema, Expressions& expressions);

}  // namespace tarn::text::grammar
