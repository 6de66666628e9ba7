// Which format the templates of published models show, and what a format says about itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "tarn/base/error.h"
#include "tarn/base/file.h"
#include "tarn/text/chat/tool_format.h"

namespace tarn::text {
namespace {

const std::filesystem::path kFolder = TARN_TEST_DATA "/templates";

// Templates that show no calls get hermes.
const std::map<std::string, ToolFormat> kFormats = {
    {"Apertus-8B-Instruct", ToolFormat::apertus},
    {"Bielik-11B-v3.0-Instruct", ToolFormat::hermes},
    {"Cohere2MoE", ToolFormat::cohere},
    {"CohereForAI-c4ai-command-r-plus-tool_use", ToolFormat::command_r},
    {"GLM-4.6", ToolFormat::glm},
    {"GLM-5.2", ToolFormat::glm},
    {"GigaChat3-10B-A1.8B", ToolFormat::gigachat},
    {"HuggingFaceTB-SmolLM3-3B", ToolFormat::hermes},
    {"Kimi-K2-Thinking", ToolFormat::kimi},
    {"LFM2-8B-A1B", ToolFormat::pythonic},
    {"MiMo-VL", ToolFormat::hermes},
    {"Mistral-Small-3.2-24B-Instruct-2506", ToolFormat::mistral},
    {"NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", ToolFormat::qwen_xml},
    {"NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use", ToolFormat::hermes},
    {"NousResearch-Hermes-3-Llama-3.1-8B-tool_use", ToolFormat::hermes},
    {"Qwen-Qwen2.5-7B-Instruct", ToolFormat::hermes},
    {"Qwen3-Coder", ToolFormat::qwen_xml},
    {"Qwen3.5-4B", ToolFormat::qwen_xml},
    {"Reka-Edge", ToolFormat::hermes},
    {"StepFun3.5-Flash", ToolFormat::qwen_xml},
    {"deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", ToolFormat::deepseek},
    {"deepseek-ai-DeepSeek-V3.2", ToolFormat::dsml},
    {"deepseek-ai-DeepSeek-V4", ToolFormat::dsml},
    {"google-gemma-2-2b-it", ToolFormat::hermes},
    {"google-gemma-4-31B-it-interleaved", ToolFormat::gemma},
    {"ibm-granite-granite-3.3-2B-Instruct", ToolFormat::granite},
    {"llama-cpp-rwkv-world", ToolFormat::hermes},
    {"meetkai-functionary-medium-v3.2", ToolFormat::functionary},
    {"meta-llama-Llama-3.1-8B-Instruct", ToolFormat::llama_json},
    {"meta-llama-Llama-3.2-3B-Instruct", ToolFormat::llama_json},
    {"meta-llama-Llama-3.3-70B-Instruct", ToolFormat::llama_json},
    {"mistralai-Ministral-3-14B-Reasoning-2512", ToolFormat::mistral},
    {"moonshotai-Kimi-K2", ToolFormat::kimi},
    {"openai-gpt-oss-120b", ToolFormat::harmony},
    {"stepfun-ai-Step-3.5-Flash", ToolFormat::qwen_xml},
    {"unsloth-mistral-Devstral-Small-2507", ToolFormat::mistral},
};

TEST(ToolFormat, IsDetectedInPublishedTemplates) {
  size_t seen = 0;
  for (const auto& file : std::filesystem::directory_iterator(kFolder)) {
    if (file.path().extension() != ".jinja") continue;
    const std::string model = file.path().stem().string();
    const auto expected = kFormats.find(model);
    ASSERT_NE(expected, kFormats.end()) << model;
    EXPECT_EQ(name(detect_tool_format(read_file(file.path()))), name(expected->second)) << model;
    ++seen;
  }
  EXPECT_EQ(seen, kFormats.size());
}

TEST(ToolFormat, IsDetectedInTheEmbeddedModel) {
  const std::string source = read_file(TARN_MODELS_DIR "/pebble/chat_template.jinja");
  EXPECT_EQ(detect_output_syntax(source).tools, ToolFormat::qwen_xml);
  EXPECT_EQ(detect_output_syntax(source).reasoning, ReasoningTags());
}

// What the templates that are not in the test data write, in short.
TEST(ToolFormat, IsDetectedBySigns) {
  EXPECT_EQ(detect_tool_format(""), ToolFormat::hermes);
  EXPECT_EQ(detect_tool_format("{{ '<minimax:tool_call>' }}"), ToolFormat::minimax);
  EXPECT_EQ(detect_tool_format("{{ '<seed:tool_call>\\n<function=' }}<parameter="),
            ToolFormat::seed_xml);
  EXPECT_EQ(detect_tool_format("{{ '<TOOLCALL>[' }}"), ToolFormat::nemotron);
  EXPECT_EQ(detect_tool_format("<|header_start|> <|python_start|> {{ '\"parameters\": ' }}"),
            ToolFormat::llama_json);
  EXPECT_EQ(detect_tool_format("<|start_header_id|> [func_name1(params_name1=value)]"),
            ToolFormat::pythonic);
  EXPECT_EQ(detect_tool_format("{{ '<|tool_call|>' }}"), ToolFormat::granite);
  EXPECT_EQ(detect_tool_format("<tool_call>\n{\"name\": <function-name>}"), ToolFormat::hermes);
}

TEST(ReasoningTags, AreDetected) {
  const auto open_tag = [](const char* model) {
    return detect_reasoning_tags(read_file(kFolder / (std::string(model) + ".jinja"))).open;
  };
  EXPECT_EQ(open_tag("Qwen3.5-4B"), "<think>");
  EXPECT_EQ(open_tag("google-gemma-2-2b-it"), "<think>");
  EXPECT_EQ(open_tag("mistralai-Ministral-3-14B-Reasoning-2512"), "[THINK]");
  EXPECT_EQ(open_tag("google-gemma-4-31B-it-interleaved"), "<|channel>thought");
  EXPECT_EQ(open_tag("Apertus-8B-Instruct"), "<|inner_prefix|>");
  EXPECT_EQ(
      detect_reasoning_tags(read_file(kFolder / "Cohere2MoE.jinja")),
      (ReasoningTags{"<|START_THINKING|>", "<|END_THINKING|>", "<|START_TEXT|>", "<|END_TEXT|>"}));
  EXPECT_EQ(detect_reasoning_tags(read_file(kFolder / "ibm-granite-granite-3.3-2B-Instruct.jinja")),
            (ReasoningTags{"<think>", "</think>", "<response>", "</response>"}));
}

TEST(ReasoningTags, TellWhetherAPromptOpensReasoning) {
  EXPECT_TRUE(ends_in_reasoning("...assistant\n<think>\n", {}));
  EXPECT_FALSE(ends_in_reasoning("...assistant\n<think>\n\n</think>\n\n", {}));
  EXPECT_FALSE(ends_in_reasoning("", {}));
  const OutputSyntax harmony{ToolFormat::harmony, {}};
  EXPECT_TRUE(ends_in_reasoning("<|start|>assistant<|channel|>analysis<|message|>", harmony));
  EXPECT_FALSE(ends_in_reasoning("<|start|>assistant", harmony));
}

TEST(ToolFormat, HasANameAndMarkers) {
  for (const ToolFormat format : tool_formats()) {
    EXPECT_EQ(parse_tool_format(name(format)), format);
  }
  EXPECT_THROW(parse_tool_format("xml"), Error);
  EXPECT_THAT(markers({}),
              testing::ElementsAre("<tool_call>", "</tool_call>", "<think>", "</think>"));
  EXPECT_THAT(markers({ToolFormat::harmony, {}}), testing::Contains("<|constrain|>"));
  EXPECT_THAT(turn_end_markers(ToolFormat::harmony),
              testing::ElementsAre("<|call|>", "<|return|>"));
  EXPECT_THAT(turn_end_markers(ToolFormat::hermes), testing::IsEmpty());
}

}  // namespace
}  // namespace tarn::text
