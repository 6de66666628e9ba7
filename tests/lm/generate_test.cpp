#include "tarn/lm/generate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tarn/base/error.h"
#include "tests/lm/fake_model.h"

namespace tarn {
namespace {

using ::testing::ElementsAre;
using testing::FakeModel;
using ::testing::HasSubstr;

std::vector<int32_t> some_tokens(int count) {
  std::vector<int32_t> tokens;
  for (int i = 0; i < count; ++i)
    tokens.push_back((i * 37 + 5) % static_cast<int>(FakeModel::vocab));
  return tokens;
}

std::vector<int32_t> expected_answer(std::vector<int32_t> tokens, int count) {
  const size_t start = tokens.size();
  for (int i = 0; i < count; ++i) tokens.push_back(FakeModel::next_token(tokens));
  return {tokens.begin() + static_cast<ptrdiff_t>(start), tokens.end()};
}

// Token 3 is "d" and so on; the text of a token comes with the next one.
class LateLetters : public TokenText {
 public:
  std::string push(int32_t token) override {
    std::string text = std::exchange(held_, std::string(1, static_cast<char>('0' + token)));
    return text;
  }
  std::string finish() override { return std::exchange(held_, ""); }

 private:
  std::string held_;
};

std::string letters(const std::vector<int32_t>& tokens) {
  std::string text;
  for (const int32_t token : tokens) text += static_cast<char>('0' + token);
  return text;
}

void expect_error(const std::string& part, const std::function<void()>& work) {
  try {
    work();
    ADD_FAILURE() << "no error with " << part;
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(part));
  }
}

TEST(Generate, ContinuesAPromptInChunksAtFixedPositions) {
  for (const bool recurrent : {false, true}) {
    const FakeModel model(recurrent, 4096);
    const std::vector<int32_t> prompt = some_tokens(1200);
    GenerateOptions options;
    options.max_tokens = 3;
    Cache cache = model.make_cache();
    const Generated result = generate(model, cache, prompt, options);
    EXPECT_EQ(result.tokens, expected_answer(prompt, 3));
    EXPECT_EQ(result.finish_reason, FinishReason::length);
    EXPECT_FALSE(result.context_full);
    EXPECT_THAT(model.chunks, ElementsAre(512, 512, 176, 1, 1));
    EXPECT_EQ(cache.position(), 1202);
    EXPECT_EQ(result.prompt_tokens, 1200);
    EXPECT_GT(result.first_token_seconds, 0);

    // On with what is cached: the next border is at 1536.
    std::vector<int32_t> longer = prompt;
    longer.insert(longer.end(), result.tokens.begin(), result.tokens.end());
    for (const int32_t token : some_tokens(500)) longer.push_back(token);
    model.chunks.clear();
    options.max_tokens = 1;
    const Generated more = generate(model, cache, longer, options);
    EXPECT_EQ(more.tokens, expected_answer(longer, 1));
    EXPECT_EQ(more.cached_tokens, 1202);
    EXPECT_THAT(model.chunks, ElementsAre(1536 - 1202, 1703 - 1536));
  }
}

TEST(Generate, StopsAtAnEndToken) {
  const FakeModel model;
  const std::vector<int32_t> prompt = some_tokens(4);
  const std::vector<int32_t> answer = expected_answer(prompt, 6);
  GenerateOptions options;
  LateLetters text;
  options.text = &text;
  options.end_tokens = {answer[2]};
  options.max_tokens = 6;
  Cache cache = model.make_cache();
  std::string streamed;
  const auto collect = [&](const TokenEvent& event) {
    streamed += event.text;
    return true;
  };
  const Generated result = generate(model, cache, prompt, options, collect);
  EXPECT_EQ(result.tokens, std::vector<int32_t>(answer.begin(), answer.begin() + 3));
  EXPECT_EQ(result.finish_reason, FinishReason::stop);
  EXPECT_EQ(result.text, letters({answer[0], answer[1]}));
  EXPECT_EQ(streamed, result.text);

  options.ignore_end = true;
  cache = model.make_cache();
  EXPECT_EQ(generate(model, cache, prompt, options).tokens, answer);
}

TEST(Generate, StopsAtAStringAcrossTokens) {
  const FakeModel model;
  const std::vector<int32_t> prompt = some_tokens(4);
  const std::vector<int32_t> answer = expected_answer(prompt, 10);
  GenerateOptions options;
  LateLetters text;
  options.text = &text;
  options.stop = {letters({answer[4], answer[5]})};
  options.max_tokens = 10;
  Cache cache = model.make_cache();
  std::string streamed;
  const Generated result = generate(model, cache, prompt, options, [&](const TokenEvent& event) {
    streamed += event.text;
    return true;
  });
  EXPECT_EQ(result.finish_reason, FinishReason::stop);
  EXPECT_EQ(result.text, letters({answer.begin(), answer.begin() + 4}));
  EXPECT_EQ(streamed, result.text);
  EXPECT_EQ(result.stop_string, options.stop[0]);
  EXPECT_EQ(result.tokens.size(), 7U);  // the text of a token comes one token late
}

TEST(Generate, TheContextIsALimit) {
  const FakeModel model(false, 10);
  GenerateOptions options;
  Cache cache = model.make_cache();
  const Generated result = generate(model, cache, some_tokens(6), options);
  EXPECT_EQ(result.tokens.size(), 4U);
  EXPECT_TRUE(result.context_full);
  EXPECT_EQ(result.finish_reason, FinishReason::length);
  Cache fresh = model.make_cache();
  expect_error("the prompt has 12 tokens and the context 10",
               [&] { generate(model, fresh, some_tokens(12), options); });
  EXPECT_EQ(fresh.position(), 0);
  options.context_limit = 20;
  options.max_tokens = 2;
  EXPECT_EQ(generate(model, fresh, some_tokens(12), options).tokens.size(), 2U);
}

TEST(Generate, RefusesBadPrompts) {
  const FakeModel model;
  Cache cache = model.make_cache();
  expect_error("it has no tokens", [&] { generate(model, cache, {}, {}); });
  expect_error("token 64 at index 1", [&] { generate(model, cache, {1, 64}, {}); });
  expect_error("token -1 at index 0", [&] { generate(model, cache, {-1}, {}); });
  GenerateOptions options;
  options.max_tokens = 0;
  expect_error("max_tokens: 0", [&] { generate(model, cache, {1}, options); });
  options = {};
  options.stop = {"x"};
  expect_error("no tokenizer", [&] { generate(model, cache, {1}, options); });
  EXPECT_TRUE(model.chunks.empty());
}

TEST(Generate, CanBeCancelled) {
  const FakeModel model;
  GenerateOptions options;
  Cache cache = model.make_cache();
  std::atomic<bool> cancel{false};
  options.cancel = &cancel;
  Generated result = generate(model, cache, some_tokens(5), options, [&](const TokenEvent& event) {
    if (event.token != no_token && cache.position() == 8) cancel = true;
    return true;
  });
  EXPECT_EQ(result.finish_reason, FinishReason::cancelled);
  EXPECT_EQ(result.tokens, expected_answer(some_tokens(5), 4));
  // Before anything was done.
  Cache fresh = model.make_cache();
  result = generate(model, fresh, some_tokens(5), options);
  EXPECT_EQ(result.finish_reason, FinishReason::cancelled);
  EXPECT_EQ(fresh.position(), 0);
  // By the callback.
  cancel = false;
  result = generate(model, fresh, some_tokens(5), options, [](const TokenEvent&) { return false; });
  EXPECT_EQ(result.tokens.size(), 1U);
  EXPECT_EQ(result.finish_reason, FinishReason::cancelled);
}

TEST(Generate, KeepsSnapshotsAndReportsProbabilities) {
  const FakeModel model(true);
  const std::vector<int32_t> prompt = some_tokens(20);
  GenerateOptions options;
  options.snapshots = {7, 20};
  options.max_tokens = 4;
  options.top_logprobs = 2;
  Cache cache = model.make_cache();
  const Generated result = generate(model, cache, prompt, options);
  ASSERT_EQ(result.snapshots.size(), 2U);
  ASSERT_EQ(result.logprobs.size(), 4U);
  EXPECT_EQ(result.logprobs[1].top[0].token, result.tokens[1]);
  EXPECT_EQ(result.logprobs[1].top[0].logprob, result.logprobs[1].logprob);
  EXPECT_THAT(model.chunks, ElementsAre(7, 13, 1, 1, 1));
  options = {};
  options.max_tokens = 4;
  for (Cache snapshot : result.snapshots) {
    std::vector<int32_t> tokens = prompt;
    if (snapshot.position() == 20) tokens.push_back(1);
    EXPECT_EQ(generate(model, snapshot, tokens, options).tokens, expected_answer(tokens, 4));
  }
}

}  // namespace
}  // namespace tarn
