#include "tarn/lm/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "tests/support/errors.h"

namespace tarn {
namespace {

using namespace std::chrono_literals;

// Collects what a request gives; a test waits for its end.
class Collector : public Listener {
 public:
  struct Answer {
    std::vector<int32_t> tokens;
    std::string text;
    std::optional<FinishReason> reason;
    bool timed_out = false;
    bool refused = false;
    std::string error;
  };

  explicit Collector(size_t choices = 1) : answers_(choices) {}

  void on_start(int64_t, int64_t cached_tokens) override { cached_ = cached_tokens; }
  void on_token(size_t choice, const TokenEvent& event) override {
    const std::lock_guard lock(mutex_);
    if (event.token != no_token) answers_[choice].tokens.push_back(event.token);
    answers_[choice].text += event.text;
    changed_.notify_all();
  }
  void on_finish(size_t choice, const Finish& finish) override {
    const std::lock_guard lock(mutex_);
    EXPECT_FALSE(answers_[choice].reason) << "ended twice";
    answers_[choice].reason = finish.reason;
    answers_[choice].timed_out = finish.timed_out;
    answers_[choice].refused = finish.refused;
    if (finish.error) answers_[choice].error = finish.error->what();
    changed_.notify_all();
  }
  bool ready() override { return ready_; }

  const std::vector<Answer>& wait() {
    std::unique_lock lock(mutex_);
    const bool ended = changed_.wait_for(lock, 60s, [&] {
      return std::all_of(answers_.begin(), answers_.end(),
                         [](const Answer& a) { return a.reason.has_value(); });
    });
    EXPECT_TRUE(ended) << "no end within a minute";
    return answers_;
  }
  void wait_for_tokens(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 60s, [&] { return answers_[0].tokens.size() >= count; });
  }
  size_t tokens() {
    const std::lock_guard lock(mutex_);
    return answers_[0].tokens.size();
  }

  std::atomic<bool> ready_{true};
  std::atomic<int64_t> cached_{-1};

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Answer> answers_;
};

// With float32 caches a token's bits do not depend on whether it was run with others of a prompt or
// came out of the model one by one (attention rounds the queries of long chunks otherwise), so that
// prompts which are found again can be compared as well.
const LoadedModel& pebble() {
  static const LoadedModel model(TARN_MODELS_DIR "/pebble", {.kv_type = KvType::f32});
  return model;
}

EngineOptions small() { return {.max_sequences = 4, .max_queue = 8, .cache_bytes = 1U << 28U}; }

EngineRequest request(std::string_view prompt, int64_t max_tokens) {
  EngineRequest r;
  r.prompt = pebble().tokenizer().encode(prompt, true).ids;
  r.options.max_tokens = max_tokens;
  r.options.ignore_end = true;
  r.make_text = [] { return std::make_unique<DecodedText>(pebble().tokenizer()); };
  return r;
}

std::vector<int32_t> alone(const EngineRequest& r) {
  Cache cache = pebble().model().make_cache();
  return generate(pebble().model(), cache, r.prompt, r.options).tokens;
}

std::string long_text(size_t sentences) {
  std::string text;
  for (size_t i = 0; i < sentences; ++i) {
    text += fmt::format("Sentence {} says that {} and {} are numbers. ", i, i * 7, i * 13);
  }
  return text;
}

TEST(Engine, EverySequenceHasTheTokensThatItWouldHaveAlone) {
  Engine engine(pebble(), small());
  std::vector<EngineRequest> requests;
  for (int i = 0; i < 7; ++i) {
    EngineRequest r =
        request(fmt::format("Number {}: {}", i, long_text(size_t(i) * 6)), 12 + i * 5);
    if (i % 2 == 1) {
      r.options.sampler.temperature = 0.9F;
      r.options.sampler.seed = static_cast<uint64_t>(i);
    }
    requests.push_back(std::move(r));
  }
  std::vector<std::shared_ptr<Collector>> collectors;
  for (const EngineRequest& r : requests) {
    collectors.push_back(std::make_shared<Collector>());
    engine.submit(r, collectors.back());
    std::this_thread::sleep_for(5ms);  // they join while others run
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    const Collector::Answer& answer = collectors[i]->wait()[0];
    EXPECT_EQ(answer.tokens, alone(requests[i])) << i;
    EXPECT_EQ(answer.reason, FinishReason::length);
    EXPECT_EQ(answer.text, pebble().tokenizer().decode(answer.tokens)) << i;
  }
  const EngineStats stats = engine.stats();
  EXPECT_EQ(stats.accepted, requests.size());
  EXPECT_GT(stats.batched_tokens, stats.steps) << "nothing ran together";
}

TEST(Engine, ChoicesShareThePromptAndDifferBySeed) {
  Engine engine(pebble(), small());
  EngineRequest r = request(long_text(3), 10);
  r.options.sampler.temperature = 1;
  r.options.sampler.seed = 40;
  r.choices = 3;
  auto collector = std::make_shared<Collector>(3);
  engine.submit(r, collector);
  for (size_t i = 0; i < 3; ++i) {
    EngineRequest one = r;
    one.options.sampler.seed = 40 + i;
    EXPECT_EQ(collector->wait()[i].tokens, alone(one));
  }
  EXPECT_EQ(engine.stats().prompt_tokens, r.prompt.size());
}

TEST(Engine, APromptThatGoesOnIsFoundAgain) {
  Engine engine(pebble(), small());
  EngineRequest first = request(long_text(20), 8);
  auto collector = std::make_shared<Collector>();
  engine.submit(first, collector);
  EngineRequest second = first;
  const auto& answer = collector->wait()[0].tokens;
  second.prompt.insert(second.prompt.end(), answer.begin(), answer.end());
  second.prompt.push_back(answer[0]);
  auto again = std::make_shared<Collector>();
  engine.submit(second, again);
  EXPECT_EQ(again->wait()[0].tokens, alone(second));
  EXPECT_EQ(again->cached_, static_cast<int64_t>(second.prompt.size()) - 2);
  EXPECT_EQ(engine.stats().prefixes.hits, 1U);
}

TEST(Engine, SnapshotsServePromptsThatBeginAlike) {
  Engine engine(pebble(), small());
  EngineRequest first = request(long_text(20), 4);
  first.options.snapshots = {100};
  auto collector = std::make_shared<Collector>();
  engine.submit(first, collector);
  collector->wait();
  EngineRequest second = first;
  second.prompt.resize(100);
  for (const int32_t id : request("something else", 1).prompt) second.prompt.push_back(id);
  auto again = std::make_shared<Collector>();
  engine.submit(second, again);
  EXPECT_EQ(again->wait()[0].tokens, alone(second));
  EXPECT_EQ(again->cached_, 100);
}

// A recurrent state cannot be cut: the second prompt finds nothing, but leaves a snapshot where it
// branches off, which the third one finds.
TEST(Engine, TheThirdPromptThatBeginsAlikeIsServed) {
  Engine engine(pebble(), small());
  const std::vector<int32_t> shared = request(long_text(20), 4).prompt;
  int64_t cached = -1;
  for (const char* end : {"something else", "a third one", "the last"}) {
    EngineRequest r = request("", 4);
    r.prompt = shared;
    for (const int32_t id : request(end, 1).prompt) r.prompt.push_back(id);
    auto collector = std::make_shared<Collector>();
    engine.submit(r, collector);
    EXPECT_EQ(collector->wait()[0].tokens, alone(r));
    cached = collector->cached_;
  }
  EXPECT_EQ(cached, static_cast<int64_t>(shared.size()) / 64 * 64);
  EXPECT_EQ(engine.stats().prefixes.hits, 1U);
}

TEST(Engine, CancellingFreesThePlaceAtOnce) {
  EngineOptions options = small();
  options.max_sequences = 1;
  Engine engine(pebble(), options);
  auto endless = std::make_shared<Collector>();
  const Engine::Id id = engine.submit(request("Once", 100000), endless);
  endless->wait_for_tokens(3);
  auto next = std::make_shared<Collector>();
  engine.submit(request("Twice", 3), next);
  engine.cancel(id);
  EXPECT_EQ(endless->wait()[0].reason, FinishReason::cancelled);
  EXPECT_EQ(next->wait()[0].reason, FinishReason::length);
  EXPECT_TRUE(engine.drain(60s));
  EXPECT_EQ(engine.stats().cancelled, 1U);
}

TEST(Engine, ADeadlineEndsARunningAndAWaitingRequest) {
  EngineOptions options = small();
  options.max_sequences = 1;
  Engine engine(pebble(), options);
  EngineRequest r = request("Once", 100000);
  r.deadline = std::chrono::steady_clock::now() + 200ms;
  auto running = std::make_shared<Collector>(), waiting = std::make_shared<Collector>();
  engine.submit(r, running);
  engine.submit(r, waiting);
  EXPECT_TRUE(running->wait()[0].timed_out);
  EXPECT_TRUE(waiting->wait()[0].timed_out);
  EXPECT_GT(running->wait()[0].tokens.size(), 0U);
  EXPECT_EQ(waiting->wait()[0].tokens.size(), 0U);
  EXPECT_TRUE(engine.drain(60s));
  EXPECT_EQ(engine.stats().timed_out, 2U);
}

TEST(Engine, AFullQueueRefusesWithATime) {
  EngineOptions options = small();
  options.max_sequences = 1;
  options.max_queue = 2;
  Engine engine(pebble(), options);
  std::vector<std::shared_ptr<Collector>> all;
  std::vector<Engine::Id> ids;
  bool refused = false;
  for (int i = 0; i < 8 && !refused; ++i) {
    all.push_back(std::make_shared<Collector>());
    try {
      ids.push_back(engine.submit(request("Once", 100000), all.back()));
    } catch (const Overloaded& error) {
      refused = true;
      EXPECT_GE(error.retry_after(), 1);
      EXPECT_THAT(error.what(), ::testing::HasSubstr("all 2 places are taken"));
      all.pop_back();
    }
  }
  EXPECT_TRUE(refused);
  for (const Engine::Id id : ids) engine.cancel(id);
  for (const auto& one : all) EXPECT_EQ(one->wait()[0].reason, FinishReason::cancelled);
}

TEST(Engine, WhatNeverFitsIsRefusedWithBothSizes) {
  EngineOptions options = small();
  options.cache_bytes = 1U << 20U;
  Engine engine(pebble(), options);
  const std::string why =
      error_of([&] { engine.submit(request("Once", 3000), std::make_shared<Collector>()); });
  EXPECT_THAT(why, ::testing::AllOf(::testing::HasSubstr("need"), ::testing::HasSubstr("1.0 MB")));
}

TEST(Engine, WrongRequestsAreRefusedBeforeAnyWork) {
  Engine engine(pebble(), small());
  const auto listener = std::make_shared<Collector>();
  EngineRequest empty;
  EXPECT_THAT(error_of([&] { engine.submit(empty, listener); }),
              ::testing::HasSubstr("has no tokens"));
  EngineRequest cold = request("x", 4);
  cold.options.sampler.temperature = -1;
  EXPECT_THAT(error_of([&] { engine.submit(cold, listener); }),
              ::testing::HasSubstr("temperature"));
  EngineRequest long_prompt = request("x", 4);
  long_prompt.prompt.assign(1000000, 5);
  EXPECT_THAT(error_of([&] { engine.submit(long_prompt, listener); }),
              ::testing::HasSubstr("context"));
  EXPECT_EQ(engine.stats().accepted, 0U);
}

TEST(Engine, PausedAnswersWaitWhileOthersRun) {
  Engine engine(pebble(), small());
  auto slow = std::make_shared<Collector>();
  engine.submit(request("Once", 40), slow);
  slow->wait_for_tokens(2);
  slow->ready_ = false;
  auto fast = std::make_shared<Collector>();
  engine.submit(request("Twice", 60), fast);
  fast->wait();
  EXPECT_LT(slow->tokens(), 40U);
  slow->ready_ = true;
  engine.wake();
  EXPECT_EQ(slow->wait()[0].tokens, alone(request("Once", 40)));
}

// The order of admission: after one of the busy client's, the other client's turn comes.
TEST(Engine, ClientsTakeTurns) {
  EngineOptions options = small();
  options.max_sequences = 2;
  Engine engine(pebble(), options);
  std::vector<std::shared_ptr<Collector>> busy;
  for (int i = 0; i < 5; ++i) {
    EngineRequest r = request("Once", 30);
    r.client = "busy";
    busy.push_back(std::make_shared<Collector>());
    engine.submit(std::move(r), busy.back());
  }
  EngineRequest r = request("Twice", 5);
  r.client = "other";
  auto other = std::make_shared<Collector>();
  engine.submit(std::move(r), other);
  other->wait();
  EXPECT_LT(busy[4]->tokens(), 30U);
  for (const auto& one : busy) one->wait();
}

TEST(Engine, DrainsAndThenTakesNothing) {
  Engine engine(pebble(), small());
  auto last = std::make_shared<Collector>();
  engine.submit(request("Once", 20), last);
  EXPECT_TRUE(engine.drain(60s));
  EXPECT_EQ(last->wait()[0].reason, FinishReason::length);
  EXPECT_THROW(engine.submit(request("Twice", 2), std::make_shared<Collector>()), Overloaded);
}

TEST(Engine, LowerLimitsHoldBackTheQueue) {
  Engine engine(pebble(), small());
  engine.set_limit(0);
  auto held = std::make_shared<Collector>();
  engine.submit(request("Once", 3), held);
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(held->tokens(), 0U);
  engine.set_limit(1);
  EXPECT_EQ(held->wait()[0].tokens.size(), 3U);
}

TEST(Engine, AtALimitOfNoneThoseThatWaitCanBeRefused) {
  EngineOptions options = small();
  options.max_sequences = 1;
  Engine engine(pebble(), options);
  auto running = std::make_shared<Collector>(), waiting = std::make_shared<Collector>();
  engine.submit(request("Once", 60), running);
  engine.submit(request("Twice", 3), waiting);
  running->wait_for_tokens(1);
  engine.set_limit(0, true);
  EXPECT_TRUE(waiting->wait()[0].refused);
  auto late = std::make_shared<Collector>();
  engine.submit(request("Thrice", 3), late);
  EXPECT_TRUE(late->wait()[0].refused);
  EXPECT_EQ(late->tokens(), 0U);
  EXPECT_EQ(running->wait()[0].reason, FinishReason::length) << "what runs is let finish";
  EXPECT_FALSE(running->wait()[0].refused);
  engine.set_limit(1);
  auto after = std::make_shared<Collector>();
  engine.submit(request("Again", 3), after);
  EXPECT_EQ(after->wait()[0].tokens.size(), 3U);
}

TEST(Engine, EndsWhatIsLeftWhenItIsDestroyed) {
  auto running = std::make_shared<Collector>(), waiting = std::make_shared<Collector>();
  {
    EngineOptions options = small();
    options.max_sequences = 1;
    Engine engine(pebble(), options);
    engine.submit(request("Once", 100000), running);
    engine.submit(request("Once", 100000), waiting);
    running->wait_for_tokens(2);
  }
  EXPECT_EQ(running->wait()[0].reason, FinishReason::cancelled);
  EXPECT_EQ(waiting->wait()[0].reason, FinishReason::cancelled);
}

}  // namespace
}  // namespace tarn
