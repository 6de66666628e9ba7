#include "tarn/models/config.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tarn/base/file.h"
#include "tarn/base/json.h"
#include "tests/io/safetensors_files.h"

namespace tarn {
namespace {

using testing::expect_error;

ModelConfig parse(const std::string& text) { return parse_model_config(text, "m/config.json"); }

// {"model_type": family, fields}
ModelConfig parse(const std::string& family, const std::string& fields) {
  return parse("{\"model_type\":\"" + family + "\"" + (fields.empty() ? "" : "," + fields) + "}");
}

std::filesystem::path golden(const char* name) {
  return std::filesystem::path(TARN_TEST_DATA) / "golden" / name;
}

template <typename T>
std::optional<T> optional_of(const json& value) {
  return value.is_null() ? std::nullopt : std::optional(value.get<T>());
}

std::vector<int64_t> ids_of(const json& value) {
  if (value.is_null()) return {};
  if (value.is_array()) return value.get<std::vector<int64_t>>();
  return {value.get<int64_t>()};
}

// Absent keys, explicit nulls and both spellings give what the classes of transformers give.
TEST(ModelConfig, DefaultsAgreeWithTransformers) {
  const std::string path = TARN_TEST_DATA "/models/config_reference.json";
  const json reference = parse_json(read_file(path), path);
  ASSERT_GE(reference.at("cases").size(), 20U);
  for (const json& test : reference.at("cases")) {
    SCOPED_TRACE(test.at("config").dump());
    const json& expected = test.at("expected");
    const ModelConfig config = parse(test.at("config").dump());
    EXPECT_EQ(config.vocab_size, expected.at("vocab_size"));
    EXPECT_EQ(config.hidden_size, expected.at("hidden_size"));
    EXPECT_EQ(config.intermediate_size, expected.at("intermediate_size"));
    EXPECT_EQ(config.num_hidden_layers, expected.at("num_hidden_layers"));
    EXPECT_EQ(config.num_attention_heads, expected.at("num_attention_heads"));
    EXPECT_EQ(config.num_key_value_heads, expected.at("num_key_value_heads"));
    EXPECT_EQ(config.head_dim, expected.at("head_dim"));
    EXPECT_EQ(config.max_position_embeddings, expected.at("max_position_embeddings"));
    EXPECT_EQ(config.rms_norm_eps, expected.at("rms_norm_eps"));
    EXPECT_EQ(config.tie_word_embeddings, expected.at("tie_word_embeddings"));
    EXPECT_EQ(config.hidden_act, Activation::silu);
    EXPECT_EQ(config.bos_token_id, optional_of<int64_t>(expected.at("bos_token_id")));
    EXPECT_EQ(config.pad_token_id, optional_of<int64_t>(expected.at("pad_token_id")));
    EXPECT_EQ(config.eos_token_ids, ids_of(expected.at("eos_token_id")));
    EXPECT_EQ(config.rope.theta, expected.at("rope_theta"));
    EXPECT_EQ(rope_type_name(config.rope.type), expected.at("rope_type").get<std::string>());
    EXPECT_EQ(config.rope.partial_rotary_factor, expected.at("partial_rotary_factor"));
    EXPECT_EQ(config.sliding_window, optional_of<int64_t>(expected.at("sliding_window")));
    std::vector<std::string> layers;
    for (const LayerType type : config.layer_types) layers.emplace_back(layer_type_name(type));
    EXPECT_EQ(layers, expected.at("layer_types").get<std::vector<std::string>>());
    ASSERT_EQ(config.linear_attention.has_value(), expected.contains("linear_num_key_heads"));
    if (config.linear_attention) {
      EXPECT_EQ(config.linear_attention->num_key_heads, expected.at("linear_num_key_heads"));
      EXPECT_EQ(config.linear_attention->num_value_heads, expected.at("linear_num_value_heads"));
      EXPECT_EQ(config.linear_attention->key_head_dim, expected.at("linear_key_head_dim"));
      EXPECT_EQ(config.linear_attention->value_head_dim, expected.at("linear_value_head_dim"));
      EXPECT_EQ(config.linear_attention->conv_kernel, expected.at("linear_conv_kernel_dim"));
    }
  }
}

TEST(ModelConfig, OldAndNewKeysMeanTheSame) {
  for (const char* name : {"llama", "llama_linear", "mistral", "qwen2", "qwen3"}) {
    const ModelConfig now = load_model_config(golden(name));
    EXPECT_EQ(now, load_model_config(golden(name) / "config_v4.json")) << name;
    EXPECT_TRUE(now.warnings.empty()) << name;
    EXPECT_EQ(now.dtype, StorageType::bf16) << name;
  }
}

TEST(ModelConfig, GoldenLlama) {
  const ModelConfig config = load_model_config(golden("llama"));
  EXPECT_EQ(config.family, ModelFamily::llama);
  EXPECT_EQ(config.vocab_size, 512);
  EXPECT_EQ(config.num_key_value_heads, 2);
  EXPECT_EQ(config.rms_norm_eps, 1e-5);
  EXPECT_EQ(config.rope.type, RopeType::llama3);
  EXPECT_EQ(config.rope.factor, 8.0);
  EXPECT_EQ(config.rope.original_max_position_embeddings, 32);
  EXPECT_FALSE(config.tie_word_embeddings);
  EXPECT_EQ(config.eos_token_ids, std::vector<int64_t>{2});
  EXPECT_EQ(load_model_config(golden("llama_linear")).rope.type, RopeType::linear);
}

TEST(ModelConfig, GoldenFamilies) {
  const ModelConfig mistral = load_model_config(golden("mistral"));
  EXPECT_EQ(mistral.sliding_window, 16);
  EXPECT_EQ(mistral.layer_types, std::vector<LayerType>(4, LayerType::sliding_attention));
  EXPECT_EQ(mistral.head_dim, 32);
  const ModelConfig qwen2 = load_model_config(golden("qwen2"));
  EXPECT_TRUE(qwen2.qkv_bias && !qwen2.o_bias && !qwen2.qk_norm && qwen2.tie_word_embeddings);
  EXPECT_EQ(qwen2.head_dim, 16);
  EXPECT_EQ(qwen2.sliding_window, std::nullopt);
  const ModelConfig qwen3 = load_model_config(golden("qwen3"));
  EXPECT_TRUE(qwen3.qk_norm && !qwen3.qkv_bias && !qwen3.attn_output_gate);
}

TEST(ModelConfig, GoldenQwen35) {
  const ModelConfig config = load_model_config(golden("qwen3_5"));
  EXPECT_EQ(config.family, ModelFamily::qwen3_5);
  EXPECT_EQ(config.model_type, "qwen3_5_text");
  EXPECT_TRUE(config.qk_norm && config.attn_output_gate && config.tie_word_embeddings);
  EXPECT_EQ(config.layer_types[2], LayerType::linear_attention);
  EXPECT_EQ(config.layer_types[3], LayerType::full_attention);
  EXPECT_EQ(config.linear_attention, (LinearAttentionConfig{.num_key_heads = 2,
                                                            .num_value_heads = 4,
                                                            .key_head_dim = 16,
                                                            .value_head_dim = 16,
                                                            .conv_kernel = 4}));
  EXPECT_EQ(config.rope.partial_rotary_factor, 0.25);
  EXPECT_EQ(config.rope.mrope_section, (std::vector<int64_t>{2, 1, 1}));
  EXPECT_EQ(config.vision_tokens, std::nullopt);
}

TEST(ModelConfig, GoldenQwen35WithVisionReadsTheNestedPart) {
  const ModelConfig config = load_model_config(golden("qwen3_5_vl"));
  EXPECT_EQ(config.model_type, "qwen3_5");
  EXPECT_EQ(config.intermediate_size, 80);
  EXPECT_EQ(config.rope.partial_rotary_factor, 0.5);
  EXPECT_EQ(config.vision_tokens,
            (VisionTokens{.image = 500, .video = 501, .start = 502, .end = 503}));
  EXPECT_EQ(config.dtype, StorageType::bf16);
  EXPECT_EQ(config.eos_token_ids, std::vector<int64_t>{2});
}

TEST(ModelConfig, TheOuterKeyTiesEmbeddings) {
  const auto tied = [](const std::string& outer, const std::string& inner) {
    return parse("qwen3_5", outer + "\"text_config\":{" + inner + "}").tie_word_embeddings;
  };
  EXPECT_FALSE(tied("", ""));
  EXPECT_TRUE(tied("", R"("tie_word_embeddings":true)"));
  EXPECT_FALSE(tied(R"("tie_word_embeddings":false,)", R"("tie_word_embeddings":true)"));
  EXPECT_TRUE(tied(R"("tie_word_embeddings":true,)", R"("tie_word_embeddings":false)"));
}

TEST(ModelConfig, FamilyIsFoundByArchitectureIfThereIsNoModelType) {
  EXPECT_EQ(parse(R"({"architectures":["Qwen3ForCausalLM"]})").family, ModelFamily::qwen3);
  expect_error(ErrorCode::corrupt, {"m/config.json", "\"model_type\" is missing"},
               [] { parse("{}"); });
}

TEST(ModelConfig, UnknownFamilyListsTheSupportedOnes) {
  expect_error(
      ErrorCode::unsupported,
      {"m/config.json: \"model_type\" is \"gpt9\"", "llama, mistral, qwen2, qwen3, qwen3_5"},
      [] { parse("gpt9", ""); });
  expect_error(ErrorCode::unsupported, {"\"architectures\" is \"X\""},
               [] { parse(R"({"architectures":["X"]})"); });
}

TEST(ModelConfig, RopeForEachLayerType) {
  const ModelConfig config = parse(
      "qwen3", R"("num_hidden_layers":2,"layer_types":["sliding_attention","full_attention"],)"
               R"("use_sliding_window":true,"sliding_window":64,"rope_parameters":{)"
               R"("full_attention":{"rope_type":"linear","factor":8.0,"rope_theta":1000000.0},)"
               R"("sliding_attention":{"rope_type":"default","rope_theta":20000.0}})");
  EXPECT_EQ(config.rope.type, RopeType::linear);
  EXPECT_EQ(config.rope.theta, 1e6);
  EXPECT_EQ(config.sliding_rope.type, RopeType::standard);
  EXPECT_EQ(config.sliding_rope.theta, 20000.0);
}

TEST(ModelConfig, RopeErrorsNameTheKey) {
  const auto with_rope = [](const std::string& rope) {
    return parse("llama", "\"rope_parameters\":" + rope);
  };
  constexpr auto corrupt = ErrorCode::corrupt;
  expect_error(ErrorCode::unsupported, {"\"rope_parameters.rope_type\" is \"spiral\"", "yarn"},
               [&] { with_rope(R"({"rope_type":"spiral"})"); });
  expect_error(corrupt, {"\"rope_parameters.factor\" is missing"},
               [&] { with_rope(R"({"rope_type":"linear"})"); });
  expect_error(corrupt, {"\"rope_parameters.factor\" is 0"},
               [&] { with_rope(R"({"rope_type":"linear","factor":0})"); });
  expect_error(corrupt, {"\"rope_parameters.factor\" is a string, not a number"},
               [&] { with_rope(R"({"rope_type":"linear","factor":"4"})"); });
  expect_error(corrupt, {"\"rope_parameters.low_freq_factor\" is missing"},
               [&] { with_rope(R"({"rope_type":"llama3","factor":8})"); });
  expect_error(corrupt, {"high_freq_factor", "not above low_freq_factor"}, [&] {
    with_rope(R"({"rope_type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":4})");
  });
  expect_error(corrupt, {"longrope has 0 short factors"},
               [&] { with_rope(R"({"rope_type":"longrope"})"); });
  expect_error(corrupt, {"\"rope_parameters.rope_theta\" is -1"},
               [&] { with_rope(R"({"rope_theta":-1})"); });
  expect_error(corrupt, {"\"rope_parameters\" is a list"}, [&] { with_rope("[]"); });
  expect_error(corrupt, {"mrope_section", "2 values, not 3"},
               [&] { with_rope(R"({"mrope_section":[1,2]})"); });
  expect_error(corrupt, {"\"partial_rotary_factor\" is 1.5"},
               [&] { parse("llama", R"("partial_rotary_factor":1.5)"); });
  expect_error(corrupt, {"cannot rotate 0 of 128"},
               [&] { parse("llama", R"("partial_rotary_factor":0.0)"); });
  expect_error(corrupt, {"m/config.json: rope: default cannot rotate 15 of 15"},
               [&] { parse("llama", R"("head_dim":15)"); });
}

TEST(ModelConfig, SizesAreChecked) {
  const auto expect_corrupt = [](const std::string& fields,
                                 std::initializer_list<std::string_view> parts) {
    expect_error(ErrorCode::corrupt, parts, [&] { parse("llama", fields); });
    expect_error(ErrorCode::corrupt, {"m/config.json: ", "correct the file or download it again"},
                 [&] { parse("llama", fields); });
  };
  expect_corrupt(R"("num_attention_heads":0)", {"\"num_attention_heads\" is 0, outside 1 to"});
  expect_corrupt(R"("num_hidden_layers":1000000000000)",
                 {"\"num_hidden_layers\" is 1000000000000"});
  expect_corrupt(R"("hidden_size":-64)", {"\"hidden_size\" is -64"});
  expect_corrupt(R"("vocab_size":18446744073709551615)",
                 {"\"vocab_size\" is 18446744073709551615"});
  expect_corrupt(R"("vocab_size":99999999999999999999999)",
                 {"a fractional number, not an integer"});
  expect_corrupt(R"("hidden_size":"64")", {"\"hidden_size\" is a string, not an integer"});
  expect_corrupt(R"("hidden_size":64.5)", {"\"hidden_size\" is a fractional number"});
  expect_corrupt(R"("hidden_size":[64])", {"\"hidden_size\" is a list"});
  expect_corrupt(R"("hidden_size":true)", {"\"hidden_size\" is a boolean"});
  expect_corrupt(R"("hidden_size":Infinity)", {"\"hidden_size\" is a fractional number"});
  expect_corrupt(R"("hidden_size":66,"num_attention_heads":4)",
                 {"\"hidden_size\" is 66, not a multiple of num_attention_heads 4"});
  expect_corrupt(R"("num_attention_heads":32,"num_key_value_heads":5)",
                 {"\"num_key_value_heads\" is 5, which does not divide"});
  expect_corrupt(R"("rms_norm_eps":-1e-6)", {"\"rms_norm_eps\" is -1e-06"});
  expect_corrupt(R"("rms_norm_eps":Infinity)", {"\"rms_norm_eps\" is 1.79"});
  expect_corrupt(R"("tie_word_embeddings":"yes")", {"is a string, not true or false"});
  expect_corrupt(R"("eos_token_id":"</s>")", {"\"eos_token_id\" is a string"});
  expect_corrupt(R"("eos_token_id":[1,"x"])", {"\"eos_token_id\" is a string"});
  expect_corrupt(R"("architectures":"X")", {"\"architectures\" is a string, not a list"});
  expect_corrupt(R"("text_config":7)", {"\"text_config\" is an integer, not an object"});
}

TEST(ModelConfig, NanMeansAbsentAsNullDoes) {
  EXPECT_EQ(parse("llama", R"("rms_norm_eps":NaN)").rms_norm_eps, 1e-6);
}

TEST(ModelConfig, DocumentsThatAreNoConfig) {
  expect_error(ErrorCode::corrupt, {"m/config.json", "not valid JSON"}, [] { parse(""); });
  expect_error(ErrorCode::corrupt, {"m/config.json: the document is a list"}, [] { parse("[]"); });
  expect_error(ErrorCode::corrupt, {"nested deeper"},
               [] { parse("{\"a\":" + std::string(10'000, '[')); });
  expect_error(ErrorCode::corrupt, {"appears twice"},
               [] { parse("llama", R"("vocab_size":1,"vocab_size":2)"); });
}

TEST(ModelConfig, LayerTypes) {
  expect_error(ErrorCode::corrupt, {"\"layer_types\" has 1 values for 2 layers"},
               [] { parse("qwen3", R"("num_hidden_layers":2,"layer_types":["full_attention"])"); });
  expect_error(ErrorCode::unsupported, {"\"layer_types\" holds \"conv\""},
               [] { parse("qwen3", R"("num_hidden_layers":1,"layer_types":["conv"])"); });
  expect_error(ErrorCode::unsupported, {"holds linear_attention, which qwen3 does not have"}, [] {
    parse("qwen3", R"("num_hidden_layers":1,"layer_types":["linear_attention"])");
  });
  expect_error(
      ErrorCode::corrupt, {"holds sliding_attention, but no sliding_window is in use"},
      [] { parse("qwen3", R"("num_hidden_layers":1,"layer_types":["sliding_attention"])"); });
  expect_error(ErrorCode::corrupt, {"\"text_config.full_attention_interval\" is 0"},
               [] { parse("qwen3_5", R"("text_config":{"full_attention_interval":0})"); });
  const ModelConfig mistral =
      parse("mistral", R"("num_hidden_layers":1,"layer_types":["full_attention"])");
  EXPECT_EQ(mistral.layer_types[0], LayerType::sliding_attention);
  ASSERT_EQ(mistral.warnings.size(), 1U);
  EXPECT_NE(mistral.warnings[0].find("\"layer_types\" is ignored"), std::string::npos);
}

TEST(ModelConfig, LinearAttention) {
  expect_error(ErrorCode::corrupt, {"\"linear_num_value_heads\" is 3, not a multiple"}, [] {
    parse("qwen3_5_text", R"("linear_num_value_heads":3,"linear_num_key_heads":2)");
  });
  EXPECT_EQ(parse("qwen3_5_text", R"("mtp_num_hidden_layers":1)").mtp_num_hidden_layers, 1);
  EXPECT_FALSE(parse("qwen3_5_text", R"("attn_output_gate":false)").attn_output_gate);
}

TEST(ModelConfig, Biases) {
  const ModelConfig llama = parse("llama", R"("attention_bias":true,"mlp_bias":true)");
  EXPECT_TRUE(llama.qkv_bias && llama.o_bias && llama.mlp_bias);
  const ModelConfig mistral = parse("mistral", R"("attention_bias":true,"mlp_bias":true)");
  EXPECT_FALSE(mistral.qkv_bias || mistral.o_bias || mistral.mlp_bias);
  const ModelConfig qwen2 = parse("qwen2", R"("attention_bias":false)");
  EXPECT_TRUE(qwen2.qkv_bias && !qwen2.o_bias);
}

TEST(ModelConfig, ActivationAndDtype) {
  EXPECT_EQ(parse("llama", R"("hidden_act":"gelu_pytorch_tanh")").hidden_act,
            Activation::gelu_tanh);
  expect_error(ErrorCode::unsupported, {"\"hidden_act\" is \"mish\""},
               [] { parse("llama", R"("hidden_act":"mish")"); });
  EXPECT_EQ(parse("llama", R"("torch_dtype":"torch.float16")").dtype, StorageType::f16);
  EXPECT_EQ(parse("llama", R"("torch_dtype":"auto")").dtype, std::nullopt);
  EXPECT_EQ(parse("llama", R"("dtype":"int3")").warnings.size(), 1U);
}

TEST(ModelConfig, Tokens) {
  const ModelConfig config =
      parse("llama", R"("eos_token_id":[5,40000],"pad_token_id":-1,"bos_token_id":3)");
  EXPECT_EQ(config.eos_token_ids, (std::vector<int64_t>{5, 40000}));
  EXPECT_EQ(config.pad_token_id, std::nullopt);
  EXPECT_EQ(config.bos_token_id, 3);
  ASSERT_EQ(config.warnings.size(), 1U);
  EXPECT_NE(config.warnings[0].find("\"eos_token_id\" 40000 lies beyond"), std::string::npos);
  // The text part's keys win; what it lacks may stand beside it.
  const ModelConfig nested =
      parse("qwen3_5", R"("eos_token_id":7,"pad_token_id":8,"text_config":{"eos_token_id":9})");
  EXPECT_EQ(nested.eos_token_ids, std::vector<int64_t>{9});
  EXPECT_EQ(nested.pad_token_id, 8);
}

TEST(ModelConfig, QuantizationAsMlxWritesIt) {
  const ModelConfig config =
      parse("llama", R"("quantization":{"group_size":32,"bits":3,"model.embed_tokens":{"bits":8},)"
                     R"("lm_head":false,"model.layers.0.mlp.down_proj":{"group_size":64,"bits":6},)"
                     R"("model.layers.1.mlp.down_proj":true,"x":{"mode":"mxfp4"}})");
  ASSERT_TRUE(config.quantization);
  const auto& q = *config.quantization;
  EXPECT_EQ(q.of("model.layers.5.mlp.up_proj"), quant::affine_format(3, 32));
  EXPECT_EQ(q.of("model.layers.0.mlp.down_proj"), quant::affine_format(6, 64));
  EXPECT_EQ(q.of("model.layers.1.mlp.down_proj"), quant::affine_format(3, 32));
  EXPECT_EQ(q.of("model.embed_tokens"), quant::affine_format(8, 64));
  EXPECT_EQ(q.of("lm_head"), std::nullopt);
  EXPECT_EQ(q.of("x"), quant::float_format(quant::FormatMode::mxfp4));
  EXPECT_EQ(parse("llama", "").quantization, std::nullopt);
  EXPECT_TRUE(parse("llama", R"("quantization_config":{"group_size":64,"bits":4})").quantization);
}

TEST(ModelConfig, ReadsTheMethodsOfPublishedCheckpoints) {
  const auto format = [](const std::string& text) {
    return parse("llama", R"("quantization_config":{)" + text + "}").quantization->format;
  };
  const quant::Format fp8 = quant::float_format(quant::FormatMode::fp8);
  EXPECT_EQ(format(R"("quant_method":"fp8","fmt":"e4m3","weight_block_size":[128,128])"), fp8);
  EXPECT_EQ(format(R"("quant_method":"fp8","activation_scheme":"static")"), fp8);
  EXPECT_EQ(format(R"("quant_method":"fp8","weight_block_size":[64,64])").group_size, 64);
  EXPECT_EQ(format(R"("quant_method":"compressed-tensors","format":"float-quantized")"), fp8);
  EXPECT_EQ(format(R"("quant_method":"modelopt","quant_algo":"FP8")"), fp8);
  EXPECT_EQ(format(R"("quant_method":"modelopt","quant_algo":"NVFP4")"),
            quant::float_format(quant::FormatMode::nvfp4));
}

TEST(ModelConfig, QuantizationErrors) {
  const auto with = [](const std::string& text) { return parse("llama", text); };
  expect_error(ErrorCode::unsupported, {"\"quantization_config.quant_method\" is \"gptq\"", "MLX"},
               [&] { with(R"("quantization_config":{"quant_method":"gptq","bits":4})"); });
  expect_error(
      ErrorCode::unsupported, {"\"quantization_config.format\" is \"pack-quantized\"", "fp8"}, [&] {
        with(
            R"("quantization_config":{"quant_method":"compressed-tensors","format":"pack-quantized"})");
      });
  expect_error(ErrorCode::unsupported, {"weight_block_size", "square"}, [&] {
    with(R"("quantization_config":{"quant_method":"fp8","weight_block_size":[1,128]})");
  });
  expect_error(ErrorCode::unsupported, {"\"quantization.mode\" is \"magic\""},
               [&] { with(R"("quantization":{"mode":"magic"})"); });
  expect_error(ErrorCode::corrupt, {"\"quantization.bits\" is 7"},
               [&] { with(R"("quantization":{"bits":7})"); });
  expect_error(ErrorCode::unsupported, {"\"quantization.x.quantize_input\" is true"},
               [&] { with(R"("quantization":{"x":{"mode":"nvfp4","quantize_input":true}})"); });
  expect_error(ErrorCode::corrupt, {"\"quantization.group_size\" is 48"},
               [&] { with(R"("quantization":{"group_size":48})"); });
  expect_error(ErrorCode::corrupt, {"\"quantization.group_size\" is 64, which format mxfp4"},
               [&] { with(R"("quantization":{"mode":"mxfp4","group_size":64})"); });
  expect_error(ErrorCode::corrupt, {"\"quantization.extra\" is an integer, not an object"},
               [&] { with(R"("quantization":{"extra":7})"); });
  expect_error(ErrorCode::corrupt, {"\"quantization.extra\" is null"},
               [&] { with(R"("quantization":{"extra":null})"); });
  expect_error(ErrorCode::corrupt, {"\"quantization.lm_head.bits\" is a string"},
               [&] { with(R"("quantization":{"lm_head":{"bits":"4"}})"); });
}

TEST(ModelConfig, MissingFile) {
  expect_error(ErrorCode::not_found, {"nowhere"}, [] { load_model_config("nowhere/config.json"); });
}

}  // namespace
}  // namespace tarn
