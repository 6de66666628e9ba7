#include "tarn/text/gguf/pre_tokenizers.h"

#include <algorithm>
#include <array>
#include <string>

namespace tarn::text::gguf {
namespace {

using Texts = std::span<const std::string_view>;

constexpr auto llama3_names = std::to_array<std::string_view>(
    {"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2",
     "dbrx", "smaug-bpe", "chatglm-bpe", "glm4", "minimax-m2", "hunyuan-dense-v1"});
constexpr auto llama3_splits = std::to_array<std::string_view>(
    {R"re((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re"});

constexpr auto gpt2_names = std::to_array<std::string_view>(
    {"gpt-2", "phi-2", "jina-es", "jina-de", "gigachat", "jina-v2-es", "jina-v2-de", "a.x-4.0",
     "mellum", "modern-bert", "olmo", "mpt", "jais", "roberta-bpe", "exaone4", "trillion",
     "granite-docling", "default"});
constexpr auto gpt2_splits = std::to_array<std::string_view>(
    {R"re('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)re"});

constexpr auto digits_gpt2_names = std::to_array<std::string_view>(
    {"starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b"});
constexpr auto digits_gpt2_splits = std::to_array<std::string_view>(
    {R"re(\p{N})re",
     R"re('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)re"});

constexpr auto qwen2_names =
    std::to_array<std::string_view>({"qwen2", "deepseek-r1-qwen", "stablelm2", "megrez", "kormo"});
constexpr auto qwen2_splits = std::to_array<std::string_view>(
    {R"re((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re"});

constexpr auto qwen35_names = std::to_array<std::string_view>({"qwen35"});
constexpr auto qwen35_splits = std::to_array<std::string_view>(
    {R"re((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re"});

constexpr auto o200k_names =
    std::to_array<std::string_view>({"gpt-4o", "o200k", "llama4", "kanana2"});
constexpr auto o200k_splits = std::to_array<std::string_view>(
    {R"re([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)re"});

constexpr auto deepseek_v3_names = std::to_array<std::string_view>({"deepseek-v3", "hunyuan-moe"});
constexpr auto deepseek_v3_splits = std::to_array<std::string_view>(
    {R"re(\p{N}{1,3})re", R"re([一-龥぀-ゟ゠-ヿ]+)re",
     R"re([!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re"});

constexpr auto deepseek_llm_names = std::to_array<std::string_view>({"deepseek-llm"});
constexpr auto deepseek_llm_splits = std::to_array<std::string_view>(
    {R"re([\r\n])re",
     R"re(\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ]+)re",
     R"re(\s?[!-/:-~！-／：-～‘-‟　-。]+)re", R"re(\s+$)re", R"re([一-龥ࠀ-一가-퟿]+)re",
     R"re(\p{N})re"});

constexpr auto deepseek_coder_names = std::to_array<std::string_view>({"deepseek-coder"});
constexpr auto deepseek_coder_splits =
    std::to_array<std::string_view>({R"re([\r\n])re", R"re(\s?\p{L}+)re", R"re(\s?\p{P}+)re",
                                     R"re([一-龥ࠀ-一가-퟿]+)re", R"re(\p{N})re"});

constexpr auto tekken_names = std::to_array<std::string_view>({"tekken"});
constexpr auto tekken_splits = std::to_array<std::string_view>(
    {R"re([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)re"});

constexpr auto falcon_names = std::to_array<std::string_view>({"falcon"});
constexpr auto falcon_splits = std::to_array<std::string_view>(
    {R"re([\p{P}\$\+<=>\^~\|`]+)re",
     R"re('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)re",
     R"re([0-9][0-9][0-9])re"});

constexpr auto bloom_names =
    std::to_array<std::string_view>({"bloom", "poro-chat", "gpt3-finnish"});
constexpr auto bloom_splits = std::to_array<std::string_view>({R"re( ?[^(\s|.,!?…。，、।۔،)]+)re"});

const std::array all = {
    PreTokenizer{llama3_names, llama3_splits, false, true},
    PreTokenizer{gpt2_names, gpt2_splits, false, false},
    PreTokenizer{digits_gpt2_names, digits_gpt2_splits, false, false},
    PreTokenizer{qwen2_names, qwen2_splits, true, false},
    PreTokenizer{qwen35_names, qwen35_splits, true, false},
    PreTokenizer{o200k_names, o200k_splits, false, false},
    PreTokenizer{deepseek_v3_names, deepseek_v3_splits, false, false},
    PreTokenizer{deepseek_llm_names, deepseek_llm_splits, false, false},
    PreTokenizer{deepseek_coder_names, deepseek_coder_splits, false, false},
    PreTokenizer{tekken_names, tekken_splits, false, true},
    PreTokenizer{falcon_names, falcon_splits, false, false},
    PreTokenizer{bloom_names, bloom_splits, false, false},
};

}  // namespace

std::span<const PreTokenizer> pre_tokenizers() { return all; }

const PreTokenizer* find_pre_tokenizer(std::string_view name) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const PreTokenizer& one) {
    return std::find(one.names.begin(), one.names.end(), name) != one.names.end();
  });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace tarn::text::gguf
