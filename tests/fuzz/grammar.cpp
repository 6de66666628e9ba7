// Any bytes as a grammar: the first byte chooses GBNF, a pattern or a JSON schema. One that
// compiles must always have a way on, to texts that it then accepts, and masks that agree with its
// bytes.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tarn/base/error.h"
#include "tarn/text/grammar/constraint.h"

namespace {

using tarn::text::Grammar;

std::shared_ptr<const tarn::text::GrammarVocabulary> vocabulary() {
  static const auto made = [] {
    std::vector<std::optional<std::string>> tokens{std::nullopt};
    for (int byte = 0; byte < 256; ++byte) {
      tokens.emplace_back(std::string(1, static_cast<char>(byte)));
    }
    for (const char* piece : {"ab", "aaaa", "\",", "\"}", "{\"", "12", "]]", "\\u", "\xC3\xA9"}) {
      tokens.emplace_back(piece);
    }
    return std::make_shared<const tarn::text::GrammarVocabulary>(std::move(tokens),
                                                                 std::vector<int32_t>{0});
  }();
  return made;
}

Grammar compile(uint8_t kind, std::string_view text) {
  if (kind % 3 == 0) return Grammar::from_gbnf(text);
  if (kind % 3 == 1) return Grammar::from_regex(text);
  return Grammar::from_json_schema(text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0 || size > 4096) return 0;
  try {
    const Grammar grammar = compile(data[0], {reinterpret_cast<const char*>(data) + 1, size - 1});
    tarn::text::GrammarConstraint at(tarn::text::TokenGrammar(grammar, vocabulary()));
    std::string text;
    uint32_t random = static_cast<uint32_t>(size) * 2654435761U + data[size - 1];
    for (int step = 0; step < 20; ++step) {
      const auto mask = at.mask();  // fails where nothing is allowed
      std::vector<int32_t> ids;
      for (int32_t id = 0; id < vocabulary()->size(); ++id) {
        const bool allowed = (mask[static_cast<size_t>(id) / 32] >> (id % 32) & 1U) != 0;
        if (allowed != at.allows(id)) __builtin_trap();
        if (allowed) ids.push_back(id);
      }
      if (ids.empty()) __builtin_trap();
      random = random * 1664525U + 1013904223U;
      const int32_t id = ids[random % ids.size()];
      at.accept(id);
      if (at.finished()) {
        if (!grammar.matches(text)) __builtin_trap();
        break;
      }
      text += *vocabulary()->bytes(id);
    }
  } catch (const tarn::Error&) {
  }
  return 0;
}
