// Keywords of JSON Schema that say something about one type of value.
#pragma once

#include <string>

#include "tarn/text/grammar/schema_model.h"

namespace tarn::text::grammar {

// The value of a keyword that holds schemas: `value` itself, or its members.
SchemaRefs schema_list(const ordered_json& value, const std::string& pointer);

// Merges the type-specific keywords of the schema object at `pointer` into `c`: type, enum, const
// and those about numbers, strings, arrays and objects. Values of the wrong form are
// ErrorCode::invalid_argument; keywords that cannot be honoured ErrorCode::unsupported, unless they
// are annotations. Leaves out `handled`, which says which keywords the caller reads.
void merge_keywords(const ordered_json& schema, const std::string& pointer, Constraints& c,
                    bool (*handled)(const std::string& name));

}  // namespace tarn::text::grammar
