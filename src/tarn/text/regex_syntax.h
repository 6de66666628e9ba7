// Patterns of tokenizer.json are written for Oniguruma; Tarn matches with PCRE2. The two differ in
// what \s, \w and \h mean, in sets ([a[bc]], [a-z&&[^b]]), in inline options and in quantifiers.
#pragma once

#include <string>
#include <string_view>

namespace tarn::text {

// The PCRE2 pattern (for PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE) that matches what Oniguruma's
// `pattern` matches. `where` opens error messages. Constructs without an equal are errors.
std::string pcre2_pattern(std::string_view pattern, std::string_view where);

// True when PCRE2 can compile `pattern`; how the names of properties and scripts are looked up.
bool pcre2_accepts(std::string_view pattern);

}  // namespace tarn::text
