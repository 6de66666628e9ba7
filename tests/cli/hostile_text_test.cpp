// Broken tokenizers and chat templates through the commands that read them.
#include <gtest/gtest.h>

#include "tarn/base/json.h"
#include "tests/cli/run_tarn.h"

namespace tarn {
namespace {

namespace fs = std::filesystem;
using tarn::testing::expect_no_crash;
using tarn::testing::expect_refused;
using tarn::testing::Outcome;
using tarn::testing::run_tarn;
using tarn::testing::TemporaryFolder;

std::string repeated(std::string_view text, size_t times) {
  std::string result;
  for (size_t i = 0; i < times; ++i) result += text;
  return result;
}

class HostileTokenizer : public ::testing::Test {
 protected:
  Outcome tokenize(const std::string& file, const std::string& text) const {
    tarn::testing::write(path(), file);
    return run_tarn(folder_, {"tokenize", path(), "--jsonl"}, json{{"text", text}}.dump() + "\n");
  }
  static std::string source(const std::string& name) {
    return read_file(fs::path(TARN_TEST_DATA) / "tokenizers" / name / "tokenizer.json");
  }
  fs::path path() const { return folder_ / "tokenizer.json"; }
  TemporaryFolder folder_;
};

TEST_F(HostileTokenizer, FilesThatAreNoTokenizer) {
  const std::string whole = source("wordpiece");
  for (const size_t length :
       {size_t{0}, size_t{1}, size_t{50}, whole.size() / 2, whole.size() - 2}) {
    expect_refused(tokenize(whole.substr(0, length), "a"), fmt::format("{} bytes", length));
  }
  for (const std::string& text :
       {std::string("[]"), std::string("null"), std::string("{}"), std::string("{\"model\":null}"),
        std::string("{\"model\":{\"type\":\"x\"}}"), std::string(300000, '['),
        "{\"model\":" + repeated("{\"a\":", 100000), std::string("\xff\xfe\xfd"),
        std::string(1 << 16, '\0')}) {
    expect_refused(tokenize(text, "a"), text.substr(0, 30));
  }
}

TEST_F(HostileTokenizer, EverySectionWithWrongValues) {
  json deep = 1;
  for (int i = 0; i < 40; ++i) deep = json{{"type", "Sequence"}, {"normalizers", {deep}}};
  const std::vector<json> values = {nullptr, -1, "x", json::array(), {{"type", 1}}, deep};
  for (const char* name : {"wordpiece", "sp_bpe"}) {
    const json whole = parse_json(source(name), name);
    for (const auto& [key, section] : whole.items()) {
      for (const json& value : values) {
        json changed = whole;
        changed[key] = value;
        expect_no_crash(tokenize(changed.dump(), "a b"),
                        fmt::format("{}: {} = {}", name, key, value.dump().substr(0, 60)));
        if (!section.is_object()) continue;
        for (const auto& [field, old] : section.items()) {
          changed[key] = section;
          changed[key][field] = value;
          expect_no_crash(
              tokenize(changed.dump(), "a b"),
              fmt::format("{}: {}.{} = {}", name, key, field, value.dump().substr(0, 60)));
        }
      }
    }
  }
}

// Patterns that backtrack for ages are stopped, and so are ones too deep to compile.
TEST_F(HostileTokenizer, Patterns) {
  json changed = parse_json(source("wordpiece"), "wordpiece");
  for (const std::string& pattern :
       {std::string("(a+)+$"), std::string("(a|aa)+$"), std::string("(?=((a*)*)*$)x"),
        std::string("("), std::string("[z-a]"), std::string("a{1,99999999}"),
        repeated("(", 100000) + repeated(")", 100000),
        repeated("a?", 5000) + repeated("a", 5000)}) {
    changed["pre_tokenizer"] = {{"type", "Split"},
                                {"pattern", {{"Regex", pattern}}},
                                {"behavior", "Isolated"},
                                {"invert", false}};
    expect_no_crash(tokenize(changed.dump(), repeated("a", 30000) + "b"), pattern.substr(0, 30));
  }
}

TEST_F(HostileTokenizer, Requests) {
  const std::string file = source("wordpiece");
  tarn::testing::write(path(), file);
  for (const std::string& line :
       {std::string("x"), std::string("[]"), std::string("{}"), std::string("{\"text\":1}"),
        std::string("{\"text\":\"a\",\"add_special_tokens\":\"yes\"}"), std::string(100000, '['),
        std::string("{\"text\":\"\\ud800\"}"), std::string("\xff\xff")}) {
    const std::vector<std::string> arguments = {"tokenize", path(), "--jsonl"};
    expect_refused(run_tarn(folder_, arguments, line + "\n"), line.substr(0, 40));
  }
  // Ids beyond the vocabulary are passed over, as in the reference; what is no id is not.
  for (const char* ids : {"[-1]", "[1e30]", "[9223372036854775807]", "[\"a\"]", "1"}) {
    const std::vector<std::string> arguments = {"detokenize", path(), "--jsonl"};
    expect_refused(run_tarn(folder_, arguments, fmt::format("{{\"ids\":{}}}\n", ids)), ids);
  }
}

// `tarn template` reports what is wrong with a template as its answer, {"error": ...}.
class HostileTemplate : public ::testing::Test {
 protected:
  void expect_error(const std::string& text) const {
    const fs::path path = folder_ / "chat.jinja";
    tarn::testing::write(path, text);
    const Outcome outcome = run_tarn(folder_, {"template", path, "--jsonl"},
                                     R"({"messages":[{"role":"user","content":"hi"}]})"
                                     "\n");
    const std::string what = text.substr(0, 60);
    if (outcome.status == 1) {
      expect_refused(outcome, what);
      return;
    }
    ASSERT_EQ(outcome.status, 0) << what << "\n" << outcome.err.substr(0, 2000);
    const json answer = parse_json(outcome.out, "stdout");
    ASSERT_TRUE(answer.contains("error")) << what << "\n" << outcome.out.substr(0, 200);
    EXPECT_EQ(answer.at("raised"), false) << what;
    EXPECT_FALSE(answer.at("error").get<std::string>().empty());
  }
  TemporaryFolder folder_;
};

TEST_F(HostileTemplate, BrokenSyntax) {
  for (const char* text : {"{{",           "{%",
                           "{{ }}",        "{% if %}",
                           "{% if x %}",   "{% for %}{% endfor %}",
                           "{% endfor %}", "{{ a b }}",
                           "{{ 'a }}",     "{% set %}",
                           "{% macro %}",  "{% block",
                           "{{ (1 }}",     "{{ [1 }}",
                           "{{ {1: }}",    "{{ a | }}",
                           "{{ a is }}",   "{% nonsense %}",
                           "{{ 1 + }}",    "{{ messages[ }}"}) {
    expect_error(text);
  }
}

TEST_F(HostileTemplate, WorkWithoutEnd) {
  for (const char* text :
       {"{% for i in range(10**12) %}{% endfor %}",
        "{% for i in range(1000000) %}{% for j in range(1000000) %}x{% endfor %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro a(n) %}{{ b(n) }}{% endmacro %}{% macro b(n) %}{{ a(n) }}{% endmacro %}{{ a(1) "
        "}}",
        "{{ 'x' * 10**10 }}", "{{ [0] * 10**10 }}",
        "{% set ns = namespace(s='x') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}"
        "{% endfor %}{{ ns.s }}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}"
        "{% endfor %}{{ ns.s | length }}",
        "{{ range(10**9) | list | join }}", "{{ 'a'.replace('', 'b' * 10**6) * 10**6 }}",
        "{{ '%1000000000d' % 1 }}", "{{ 'x'.center(10**10) }}", "{{ 'x' | indent(10**10) }}"}) {
    expect_error(text);
  }
}

TEST_F(HostileTemplate, DeepNesting) {
  constexpr size_t deep = 50000;
  expect_error("{{ " + repeated("(", deep) + "1" + repeated(")", deep) + " }}");
  expect_error("{{ " + repeated("[", deep) + repeated("]", deep) + " }}");
  expect_error("{{ " + repeated("not ", deep) + "1 }}");
  expect_error("{{ " + repeated("-", deep) + "1 }}");
  expect_error("{{ " + repeated("1 if 1 else ", deep) + "1 }}");
  expect_error("{{ " + repeated("{1:", deep) + "1" + repeated("}", deep) + " }}");
  expect_error(repeated("{% if 1 %}", deep) + repeated("{% endif %}", deep));
  expect_error(repeated("{% for i in [1] %}", deep) + repeated("{% endfor %}", deep));
}

}  // namespace
}  // namespace tarn
