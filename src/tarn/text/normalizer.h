// The `normalizer` of tokenizer.json: rewrites text before it is split, keeping alignment.
#pragma once

#include <memory>
#include <string_view>

#include "tarn/base/json.h"
#include "tarn/text/aligned_text.h"

namespace tarn::text {

// Immutable, safe to share between threads.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual void apply(AlignedText& text) const = 0;
};

// `value` is the file's "normalizer" object; null gives no normalizer.
std::unique_ptr<Normalizer> make_normalizer(const json& value, std::string_view where);

// Puts `prefix` before a text that is not empty; it stands for what the first character does.
void prepend(AlignedText& text, std::string_view prefix);

}  // namespace tarn::text
