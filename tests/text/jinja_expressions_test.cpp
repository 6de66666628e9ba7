// Every template of tests/data/jinja/expressions.json against what Jinja2 made of it.
#include <gtest/gtest.h>

#include "tarn/base/file.h"
#include "tarn/base/json.h"
#include "tarn/text/chat_template.h"

namespace tarn::text {
namespace {

TEST(JinjaExpressions, RenderAsJinja2Does) {
  const std::string path = TARN_TEST_DATA "/jinja/expressions.json";
  const ordered_json data = parse_ordered_json(read_file(path), path);
  const ordered_json& variables = data.at("variables");
  ChatInputs inputs;
  const ordered_json messages = ordered_json::array();
  inputs.messages = &messages;
  inputs.variables = &variables;
  inputs.now = std::chrono::local_days(std::chrono::year(2026) / 1 / 15) + std::chrono::hours(12);
  size_t checked = 0;
  for (const auto& expected : data.at("cases")) {
    const auto source = expected.at("template").get<std::string>();
    SCOPED_TRACE(source);
    ++checked;
    try {
      const std::string text = ChatTemplate(source, "case").render(inputs);
      if (expected.contains("error")) {
        ADD_FAILURE() << "rendered \"" << text << "\", Jinja2 fails: " << expected.at("error");
      } else {
        EXPECT_EQ(text, expected.at("text").get<std::string>());
      }
    } catch (const TemplateError& error) {
      if (!expected.contains("error")) {
        ADD_FAILURE() << error.what() << "; Jinja2 gives " << expected.at("text");
        continue;
      }
      EXPECT_EQ(error.raised(), expected.at("raised").get<bool>());
      if (error.raised()) {
        EXPECT_EQ(error.what(), expected.at("error").get<std::string>());
      }
    }
  }
  EXPECT_GT(checked, 1000U);
}

}  // namespace
}  // namespace tarn::text
