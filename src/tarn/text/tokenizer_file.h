// tokenizer.json as read: the large tables as plain vectors, everything else as JSON.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tarn/base/json.h"
#include "tarn/text/vocabulary.h"

namespace tarn::text {

// Ids fit in int32_t, with room for one past the last.
inline constexpr int64_t kMaxTokenId = INT32_MAX - 1;

struct TokenizerFile {
  std::string source;                                       // opens error messages
  json document;                                            // without the tables below
  std::vector<Vocabulary::Entry> vocab;                     // model.vocab of {"token": id}
  std::vector<std::pair<std::string, double>> scored;       // model.vocab of [["token", score]]
  std::vector<std::pair<std::string, std::string>> merges;  // model.merges, in order of rank
  bool has_scored = false;                                  // model.vocab was a list
  bool has_merges = false;

  const json& model() const;
};

// Fails on anything that is not JSON, is nested too deep, repeats a key, or whose tables do not
// have the form above. Merges may be pairs or the older strings "a b".
TokenizerFile parse_tokenizer_file(std::string_view text, std::string_view source);

}  // namespace tarn::text
