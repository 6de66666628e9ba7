// The `post_processor` of tokenizer.json: adds the special tokens around one or two texts.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "tarn/base/json.h"
#include "tarn/text/encoding.h"

namespace tarn::text {

// Immutable, safe to share between threads.
class PostProcessor {
 public:
  virtual ~PostProcessor() = default;
  // `parts` are the encodings of one or two texts; they may come out rewritten, regrouped or with
  // special tokens, which only `add_special_tokens` allows. Joined in order they are the result.
  virtual void apply(std::vector<Encoding>& parts, bool add_special_tokens) const = 0;
};

// `value` is the file's "post_processor" object; null gives no post-processor.
std::unique_ptr<PostProcessor> make_post_processor(const json& value, std::string_view where);

}  // namespace tarn::text
