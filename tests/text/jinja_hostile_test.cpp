// Templates that try to crash the program, or to keep it busy: each must end in a TemplateError (or
// in a rendering) soon, and under the sanitizers without a finding.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tarn/text/chat_template.h"

namespace tarn::text {
namespace {

std::string repeat(const std::string& text, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

// The limits of a session that trusts nobody, so that the tests are quick under the sanitizers.
jinja::Limits small() {
  jinja::Limits limits;
  limits.max_steps = 2'000'000;
  limits.max_memory = size_t{32} << 20;
  limits.max_output = size_t{8} << 20;
  return limits;
}

std::string outcome(const std::string& source) {
  try {
    return "rendered: " + ChatTemplate(source, "t", small()).render({}).substr(0, 200);
  } catch (const TemplateError& error) {
    EXPECT_FALSE(error.raised());
    return error.what();
  }
}

constexpr size_t kMany = 100'000;

TEST(JinjaHostile, DeepSourceIsRefused) {
  for (const char* piece : {"(", "[", "{1:", "not ", "-", "1 if 1 else ", "f(", "x[", "1 is in (",
                            "x|default(", "2 ** -", "{{"}) {
    SCOPED_TRACE(piece);
    EXPECT_THAT(outcome("{{ " + repeat(piece, kMany)), testing::StartsWith("t:1: "));
  }
  for (const char* piece : {"{% if 1 %}", "{% for x in y %}", "{% macro m() %}", "{% with %}",
                            "{% set x %}", "{% filter upper %}", "{% call m() %}", "{% raw %}",
                            "{% generation %}", "{#", "{% set (", "{% for ("}) {
    SCOPED_TRACE(piece);
    EXPECT_THAT(outcome(repeat(piece, kMany)), testing::StartsWith("t:1: "));
  }
}

TEST(JinjaHostile, LongChainsAreRefused) {
  for (const char* piece :
       {" + 1", " * 1", ".x", "[0]", "|upper", "()", " and 1", " or 0", " if 1", " ** 1", "(1)"}) {
    SCOPED_TRACE(piece);
    EXPECT_THAT(outcome("{{ x" + repeat(piece, kMany) + " }}"),
                testing::HasSubstr("more than 600 levels"));
  }
}

TEST(JinjaHostile, LongFlatSourceIsFine) {
  EXPECT_THAT(outcome("{{ 1" + repeat(" ~ 1", 10'000) + " }}"),
              testing::StartsWith("rendered: 11"));
  EXPECT_EQ(outcome("{{ 1" + repeat(" < 2 > 1", 10'000) + " }}"), "rendered: True");
  EXPECT_EQ(outcome("{% if 0 %}" + repeat("{% elif 0 %}", 10'000) + "{% else %}x{% endif %}"),
            "rendered: x");
  EXPECT_EQ(outcome("{{ [" + repeat("1,", 10'000) + "] | length }}"), "rendered: 10000");
}

TEST(JinjaHostile, EndlessWorkRunsOutOfSteps) {
  const std::string loops =
      "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}";
  EXPECT_THAT(outcome(loops), testing::HasSubstr("2000000 steps"));
  EXPECT_THAT(outcome("{% set t = namespace(x=(1,)) %}{% for i in range(150) %}"
                      "{% set t.x = (t.x, t.x) %}{% endfor %}{{ {t.x: 1} | length }}"),
              testing::HasSubstr("steps"));
  EXPECT_THAT(
      outcome("{% set t = namespace(x=[1], y=[1]) %}{% for i in range(150) %}"
              "{% set t.x = [t.x, t.x] %}{% set t.y = [t.y, t.y] %}{% endfor %}{{ t.x == t.y }}"),
      testing::HasSubstr("steps"));
}

TEST(JinjaHostile, EndlessRecursionIsRefused) {
  for (const char* source :
       {"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m(x=m()) %}{% endmacro %}{{ m() }}",
        "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{% macro m() %}{% call m() %}{{ caller() }}{% endcall %}{% endmacro %}{{ m() }}",
        "{% macro m() %}{% for x in [1] if m() %}{% endfor %}{% endmacro %}{{ m() }}",
        "{% macro m() %}{% filter upper %}{% set x %}{{ [m()] }}{% endset %}{% endfilter %}"
        "{% endmacro %}{{ m() }}"}) {
    SCOPED_TRACE(source);
    EXPECT_THAT(outcome(source), testing::HasSubstr("nested deeper than"));
  }
}

TEST(JinjaHostile, LargeValuesAreRefusedBeforeTheyAreBuilt) {
  for (const char* expression : {"'a' * 10000000000",
                                 "9223372036854775807 * 'ab'",
                                 "[0] * 10000000000",
                                 "(0,) * 4000000",
                                 "'a'.ljust(10000000000)",
                                 "'a'.center(9223372036854775807)",
                                 "'a'.zfill(9223372036854775807)",
                                 "'\\t'.expandtabs(9223372036854775807)",
                                 "'%1000000000d' % 1",
                                 "'%*d' % (1000000000, 1)",
                                 "'%.1000000000f' % 1",
                                 "'{:>1000000000}'.format(1)",
                                 "'{:.999999}'.format(1.5)",
                                 "'a' | indent(10000000000, true)",
                                 "[1] | tojson(indent=10000000000)",
                                 "[1] | batch(10000000000, 0) | list",
                                 "[] | slice(10000000000) | list",
                                 "range(10000000000)",
                                 "range(0, -9223372036854775808, -1)",
                                 "range(-9223372036854775807, 9223372036854775807)",
                                 "'a' | center(9223372036854775807)",
                                 "('a' * 1000000).replace('', 'a' * 1000000)",
                                 "(['a' * 1000000] * 1000000) | join",
                                 "('a' * 1000000).join('a' * 1000000)",
                                 "('a,' * 4000000).split(',')",
                                 "2 ** 9223372036854775807",
                                 "-9223372036854775807 - 2",
                                 "10 ** 18 * 10",
                                 "9223372036854775807 | round(-19)",
                                 "1e300 | int",
                                 "'99999999999999999999' | int",
                                 "5 | round(9223372036854775807, 'ceil')"}) {
    SCOPED_TRACE(expression);
    EXPECT_THAT(outcome(std::string("{{ ") + expression + " }}"), testing::StartsWith("t:1: "));
  }
  EXPECT_THAT(outcome("{% set n = namespace(s='aaaa') %}{% for i in range(60) %}"
                      "{% set n.s = n.s ~ n.s %}{% endfor %}"),
              testing::HasSubstr("bytes"));
  EXPECT_THAT(outcome("{% for i in range(100000) %}{{ 'a' * 1000 }}{% endfor %}"),
              testing::HasSubstr("exceeds 8388608 bytes"));
}

TEST(JinjaHostile, DeepValuesAreRefused) {
  for (const char* step : {"[n.x]", "(n.x,)", "{'a': n.x}", "n.x | map('upper')", "dict(a=n.x)",
                           "n.x | batch(2)", "cycler(n.x)"}) {
    SCOPED_TRACE(step);
    EXPECT_THAT(outcome(std::string("{% set n = namespace(x=[1]) %}{% for i in range(100000) %}"
                                    "{% set n.x = ") +
                        step + " %}{% endfor %}"),
                testing::HasSubstr("nested deeper than 200 levels"));
  }
}

TEST(JinjaHostile, CyclesThroughNamespacesEndCleanly) {
  EXPECT_THAT(outcome("{% set n = namespace() %}{% set n.n = n %}{{ n }}"),
              testing::HasSubstr("contains itself"));
  EXPECT_THAT(outcome("{% set n = namespace() %}{% set n.l = [n, n] %}{{ n.l }}"),
              testing::HasSubstr("contains itself"));
  EXPECT_EQ(
      outcome(
          "{% for x in [1] %}{{ loop.changed(loop) }}{% set n = namespace(l=loop) %}{% endfor %}"),
      "rendered: True");
  EXPECT_EQ(
      outcome(
          "{% macro m() %}{{ m is defined }}{% endmacro %}{% set n = namespace(m=m) %}{{ n.m() }}"),
      "rendered: True");
  // A chain of namespaces as long as the loop.
  EXPECT_EQ(
      outcome("{% set h = namespace(c=namespace()) %}{% for i in range(50000) %}"
              "{% set c = h.c %}{% set c.p = namespace() %}{% set h.c = c.p %}{% endfor %}ok"),
      "rendered: ok");
}

TEST(JinjaHostile, BytesThatAreNoTextAreRefused) {
  EXPECT_THAT(outcome("\xff\xfe"), testing::HasSubstr("not valid UTF-8"));
  EXPECT_THAT(outcome("{{ '\xed\xa0\x80' }}"), testing::HasSubstr("not valid UTF-8"));
  EXPECT_THAT(outcome("{{ '\\ud800' }}"), testing::HasSubstr("not a Unicode character"));
  EXPECT_EQ(outcome(std::string("a\0b", 3)), std::string("rendered: a\0b", 13));
  EXPECT_THAT(outcome(std::string("{{ \0 }}", 7)), testing::HasSubstr("unexpected char"));
}

}  // namespace
}  // namespace tarn::text
