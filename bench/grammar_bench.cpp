// What structured output costs a token: making a vocabulary, compiling a schema, the first mask in
// a state, a mask that is cached, and the mean over documents fed through token by token. The
// vocabulary has 150,000 tokens: those of a tokenizer.json where TARN_TOKENIZER names one, else
// made of bytes, words with and without a space, numbers, code and multi-byte characters in
// shares like those of published vocabularies.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tarn/text/grammar/constraint.h"

namespace tarn::text {
namespace {

constexpr size_t kTokens = 150'000;

std::vector<std::optional<std::string>> synthetic_tokens() {
  std::mt19937 random(1);
  std::set<std::string> made;
  for (int byte = 0; byte < 256; ++byte) made.insert(std::string(1, static_cast<char>(byte)));
  const auto pick = [&](std::string_view from) { return from[random() % from.size()]; };
  while (made.size() < kTokens - 1) {
    std::string token;
    const auto kind = random() % 100;
    if (kind < 70) {
      if (random() % 2 == 0) token += ' ';
      for (size_t n = 2 + random() % 9; n > 0; --n) token += pick("etaoinshrdlucmfwypvbgkjqxz");
    } else if (kind < 72) {
      for (size_t n = 1 + random() % 3; n > 0; --n) token += pick("0123456789");
    } else if (kind < 82) {
      for (size_t n = 2 + random() % 4; n > 0; --n)
        token += pick("\"':,;.{}[]()<>/\\=+-*_ \n\t#$&|!");
    } else {
      for (size_t n = 1 + random() % 4; n > 0; --n) {
        token += static_cast<char>(0xE4 + random() % 6);
        token += static_cast<char>(0x80 + random() % 64);
        token += static_cast<char>(0x80 + random() % 64);
      }
    }
    made.insert(std::move(token));
  }
  std::vector<std::optional<std::string>> out{std::nullopt};  // the end
  out.insert(out.end(), made.begin(), made.end());
  return out;
}

std::shared_ptr<const GrammarVocabulary> vocabulary() {
  static const auto made = [] {
    const std::vector<int32_t> end{0};
    if (const char* file = std::getenv("TARN_TOKENIZER")) {
      return std::make_shared<const GrammarVocabulary>(Tokenizer::from_file(file), end);
    }
    return std::make_shared<const GrammarVocabulary>(synthetic_tokens(), end);
  }();
  return made;
}

const char* kSchema = R"({"type":"object","properties":{"id":{"type":"string","maxLength":40},
  "count":{"type":"integer","minimum":0,"maximum":100000},"tags":{"type":"array","items":{"type":"string"}},
  "address":{"type":"object","properties":{"street":{"type":"string"},"zip":{"type":"string","pattern":"^[0-9]{5}$"}},
  "required":["street","zip"],"additionalProperties":false}},"required":["id","count","tags","address"],
  "additionalProperties":false})";

Grammar grammar(int64_t kind) {
  return kind == 0 ? Grammar::json_object() : Grammar::from_json_schema(kSchema);
}

std::string document(int64_t kind) {
  if (kind == 1) {
    return R"({"id": "the quick brown fox", "count": 4711, "tags": ["first of all", "and a second one", "third"], "address": {"street": "Main street north of the river", "zip": "12345"}})";
  }
  std::string out = "{\"records\": [";
  for (int i = 0; i < 20; ++i) {
    out += fmt::format(
        "{}{{\"id\": {}, \"name\": \"the name of record {} in the list\", \"score\": {}.25, "
        "\"ok\": true,\n  "
        "\"tags\": [\"one\", \"two words\"], \"none\": null}}",
        i == 0 ? "" : ", ", i, i, i * 3);
  }
  return out + "]}";
}

// The longest token each time, as a stand-in for what a tokenizer would choose.
std::vector<int32_t> tokens_of(const std::string& text) {
  const grammar::TokenTrie& trie = vocabulary()->trie();
  std::vector<int32_t> out;
  for (size_t pos = 0; pos < text.size();) {
    int32_t best = -1;
    size_t length = 0;
    uint32_t begin = 0;
    uint32_t end = trie.size();
    for (size_t at = pos; at < text.size() && begin < end;) {
      if (trie[begin].byte != static_cast<uint8_t>(text[at])) {
        begin = trie[begin].skip;
        continue;
      }
      ++at;
      if (!trie.tokens(begin).empty()) {
        best = trie.tokens(begin).front();
        length = at - pos;
      }
      end = trie[begin].skip;
      ++begin;
    }
    if (best < 0) std::abort();
    out.push_back(best);
    pos += length;
  }
  return out;
}

void first_mask_in_string(benchmark::State& state) {
  for (auto _ : state) {
    state.PauseTiming();
    GrammarConstraint at(TokenGrammar(grammar(state.range(0)), vocabulary()));
    at.accept_bytes("{\"id");
    if (state.range(0) == 1) at.accept_bytes("\": \"a");
    state.ResumeTiming();
    benchmark::DoNotOptimize(at.mask());
  }
}
BENCHMARK(first_mask_in_string)->ArgName("schema")->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond);

void cached_mask_in_string(benchmark::State& state) {
  GrammarConstraint at(TokenGrammar(grammar(0), vocabulary()));
  at.accept_bytes("{\"a\": [{\"b\": \"x");
  at.mask();
  for (auto _ : state) {
    state.PauseTiming();
    GrammarConstraint next = at;
    next.accept_bytes("\", \"c\": \"x");  // leaves the state and comes back: the mask is not kept
    state.ResumeTiming();
    benchmark::DoNotOptimize(next.mask());
  }
}
BENCHMARK(cached_mask_in_string)->Unit(benchmark::kMicrosecond);

// A mask and an accept for each token; `warm`: the masks of the states are cached.
void document_mean(benchmark::State& state) {
  const std::vector<int32_t> ids = tokens_of(document(state.range(0)));
  const bool warm = state.range(1) != 0;
  std::optional<TokenGrammar> tokens(TokenGrammar(grammar(state.range(0)), vocabulary()));
  for (auto _ : state) {
    if (!warm) {
      state.PauseTiming();
      tokens.emplace(grammar(state.range(0)), vocabulary());
      state.ResumeTiming();
    }
    GrammarConstraint at(*tokens);
    for (const int32_t id : ids) {
      benchmark::DoNotOptimize(at.mask());
      at.accept(id);
    }
    if (!at.complete()) state.SkipWithError("the document does not follow the grammar");
  }
  state.counters["time/token"] = benchmark::Counter(
      static_cast<double>(ids.size()),
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  state.counters["tokens"] = static_cast<double>(ids.size());
  state.counters["states"] = static_cast<double>(tokens->cached_masks());
  state.counters["cache MB"] = static_cast<double>(tokens->cached_bytes()) * 1e-6;
}
BENCHMARK(document_mean)
    ->ArgNames({"schema", "warm"})
    ->ArgsProduct({{0, 1}, {0, 1}})
    ->Unit(benchmark::kMillisecond);

void compile_grammar(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(grammar(state.range(0)));
}
BENCHMARK(compile_grammar)->ArgName("schema")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

void make_vocabulary(benchmark::State& state) {
  const auto tokens = synthetic_tokens();
  for (auto _ : state) {
    GrammarVocabulary made(tokens, std::vector<int32_t>{0});
    benchmark::DoNotOptimize(made.trie().size());
  }
}
BENCHMARK(make_vocabulary)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tarn::text

BENCHMARK_MAIN();
