#include "tarn/lm/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "tarn/base/error.h"
#include "tarn/lm/softmax.h"

namespace tarn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr float inf = std::numeric_limits<float>::infinity();

std::vector<float> random_logits(size_t n, uint64_t seed) {
  std::vector<float> logits(n);
  for (size_t i = 0; i < n; ++i) {
    logits[i] = static_cast<float>(uniform_random(seed, i) + uniform_random(seed + 1, i) +
                                   uniform_random(seed + 2, i)) *
                    8 -
                12;
  }
  return logits;
}

// How often each token comes up; sums to 1.
std::vector<double> frequencies(const SamplerOptions& options, const std::vector<float>& logits,
                                int draws) {
  Sampler sampler(options, static_cast<int64_t>(logits.size()));
  std::vector<double> parts(logits.size());
  for (int i = 0; i < draws; ++i) {
    parts[static_cast<size_t>(sampler.sample(logits, {}, 0))] += 1.0 / draws;
  }
  return parts;
}

std::vector<double> softmax(const std::vector<float>& logits, double temperature) {
  std::vector<double> p;
  double sum = 0;
  for (const float x : logits) {
    p.push_back(std::exp(x / temperature));
    sum += p.back();
  }
  for (double& x : p) x /= sum;
  return p;
}

void expect_error(const std::string& part, const std::function<void()>& work) {
  try {
    work();
    ADD_FAILURE() << "no error with " << part;
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(part));
  }
}

TEST(Argmax, TakesTheLowestIdOnATie) {
  std::vector<float> logits(37, -1);
  logits[36] = logits[20] = logits[35] = 2;
  EXPECT_EQ(argmax(logits), 20);
  logits[0] = 2;
  EXPECT_EQ(argmax(logits), 0);
}

TEST(Argmax, RefusesWhatIsNotANumber) {
  for (const size_t at : {size_t{0}, size_t{17}, size_t{36}}) {
    std::vector<float> logits(37, 1);
    logits[at] = std::nanf("");
    expect_error("token " + std::to_string(at) + " has nan", [&] { argmax(logits); });
    logits[at] = inf;
    expect_error("has inf", [&] { argmax(logits); });
  }
  expect_error("no token is allowed", [] { argmax(std::vector<float>(20, -inf)); });
}

TEST(ExpSum, MatchesTheLibrarysExponential) {
  const std::vector<float> logits = random_logits(10007, 5);
  const float largest = *std::max_element(logits.begin(), logits.end());
  std::vector<float> terms(logits.size());
  const double sum = exp_sum(logits, largest, 0.7F, terms);
  double wanted = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    const double exact = std::exp((static_cast<double>(logits[i]) - largest) / 0.7F);
    wanted += exact;
    // The argument itself is rounded to float: 40 * 2^-24 there is 2.4e-6 here.
    EXPECT_NEAR(terms[i], exact, 4e-6 * exact) << logits[i];
  }
  EXPECT_NEAR(sum, wanted, 1e-6 * wanted);
}

TEST(TopTokens, AreThoseOfAFullSort) {
  for (const int64_t n : {1, 2, 40, 700, 5000}) {
    std::vector<float> logits = random_logits(3000, 11);
    for (float& x : logits) x = std::round(x * 4) / 4;  // many ties
    std::vector<int32_t> ids(logits.size());
    for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>(i);
    std::stable_sort(ids.begin(), ids.end(), [&](int32_t a, int32_t b) {
      return logits[static_cast<size_t>(a)] > logits[static_cast<size_t>(b)];
    });
    ids.resize(std::min<size_t>(ids.size(), static_cast<size_t>(n)));
    EXPECT_EQ(top_tokens(logits, n), ids);
  }
}

TEST(LogProbabilities, AreTheLogSoftmax) {
  const std::vector<float> logits = {1, 3, 2, 3};
  const std::vector<double> p = softmax(logits, 1);
  const Logprobs result = log_probabilities(logits, 2, 3);
  EXPECT_NEAR(result.logprob, std::log(p[2]), 1e-6);
  ASSERT_EQ(result.top.size(), 3U);
  EXPECT_EQ(result.top[0].token, 1);
  EXPECT_EQ(result.top[1].token, 3);
  EXPECT_EQ(result.top[2].token, 2);
  EXPECT_NEAR(result.top[0].logprob, std::log(p[1]), 1e-6);
}

TEST(Sampler, FollowsTheTemperature) {
  const std::vector<float> logits = {0, 1, 2, -1, 0.5F};
  const std::vector<double> p = softmax(logits, 1.5);
  SamplerOptions options;
  options.temperature = 1.5F;
  const std::vector<double> parts = frequencies(options, logits, 40000);
  // Five standard deviations of a frequency near 0.5 in 40000 draws.
  for (size_t i = 0; i < p.size(); ++i) EXPECT_NEAR(parts[i], p[i], 0.0125);
}

TEST(Sampler, FiltersAreThoseOfAPlainImplementation) {
  const std::vector<float> logits = random_logits(2000, 21);
  struct Case {
    int64_t top_k;
    float top_p, min_p;
  };
  for (const Case& c : {Case{20, 1, 0},
                        {0, 0.9F, 0},
                        {0, 1, 0.1F},
                        {50, 0.8F, 0},
                        {0, 0.999F, 0.02F},
                        {30, 0.95F, 0.3F},
                        {5000, 0.5F, 0}}) {
    SamplerOptions options;
    options.temperature = 1.2F;
    options.top_k = c.top_k;
    options.top_p = c.top_p;
    options.min_p = c.min_p;
    // The plain way: sort everything, then cut.
    std::vector<double> p = softmax(logits, 1.2F);
    std::sort(p.rbegin(), p.rend());
    if (c.top_k > 0) p.resize(std::min(p.size(), static_cast<size_t>(c.top_k)));
    double total = 0;
    for (const double x : p) total += x;
    double reached = 0;
    size_t kept = 0;
    while (kept < p.size() && reached < c.top_p * total) reached += p[kept++];
    while (kept > 0 && p[kept - 1] < c.min_p * p[0]) --kept;

    Sampler sampler(options, 2000);
    std::set<int32_t> seen;
    for (int i = 0; i < 20000; ++i) seen.insert(sampler.sample(logits, {}, 0));
    const std::vector<int32_t> best = top_tokens(logits, static_cast<int64_t>(kept));
    const std::set<int32_t> allowed(best.begin(), best.end());
    for (const int32_t token : seen) EXPECT_TRUE(allowed.contains(token)) << token;
    if (kept < 100) {
      EXPECT_GE(seen.size(), kept * 9 / 10) << kept;  // 20000 draws find nearly all of them
    }
  }
}

TEST(Sampler, TheSeedDecides) {
  const std::vector<float> logits(100, 0.0F);
  const auto tokens = [&](uint64_t seed) {
    SamplerOptions options;
    options.temperature = 1;
    options.seed = seed;
    Sampler sampler(options, 100);
    std::vector<int32_t> result;
    for (int i = 0; i < 8; ++i) result.push_back(sampler.sample(logits, {}, 0));
    return result;
  };
  EXPECT_EQ(tokens(1), tokens(1));
  EXPECT_NE(tokens(1), tokens(2));
  // Uniform logits make the tokens a picture of the random stream, which must never change.
  EXPECT_THAT(tokens(7), ElementsAre(72, 64, 54, 60, 34, 18, 91, 90));
}

TEST(Sampler, PenaltiesAndBias) {
  std::vector<float> logits = {2, 1.9F, -1, -1.1F};
  const std::vector<int32_t> history = {0, 2, 2};  // token 2 twice in the answer
  const auto best = [&](const SamplerOptions& options) {
    return Sampler(options, 4).sample(logits, history, 1);
  };
  SamplerOptions options;
  EXPECT_EQ(best(options), 0);
  options.repetition_penalty = 1.2F;  // 2 / 1.2 < 1.9
  EXPECT_EQ(best(options), 1);
  options.penalty_last_n = 2;  // token 0 is out of sight
  EXPECT_EQ(best(options), 0);
  options = {};
  options.frequency_penalty = 5;  // the prompt does not count
  EXPECT_EQ(best(options), 0);
  logits = {2, 1.9F, 8, -1.1F};
  EXPECT_EQ(best(options), 0);  // 8 - 2 * 5
  options.frequency_penalty = 2;
  EXPECT_EQ(best(options), 2);  // 8 - 2 * 2
  options.presence_penalty = 3;
  EXPECT_EQ(best(options), 0);  // 8 - 2 * 2 - 3
  options = {};
  options.logit_bias = {{2, -inf}, {3, 4}};
  EXPECT_EQ(best(options), 3);
  logits = {2, 1.9F, -1, -1.1F};
  options = {};
  options.repetition_penalty = 2;  // a negative logit becomes smaller
  EXPECT_EQ(Sampler(options, 4).sample(std::vector<float>{-9, -9, -1, -1.1F}, history, 1), 3);
}

TEST(Sampler, NamesTheOptionThatIsWrong) {
  const auto with = [](auto change) {
    SamplerOptions options;
    change(options);
    validate(options, 10);
  };
  expect_error("temperature: -1", [&] { with([](auto& o) { o.temperature = -1; }); });
  expect_error("temperature: nan", [&] { with([](auto& o) { o.temperature = std::nanf(""); }); });
  expect_error("top_k: -3", [&] { with([](auto& o) { o.top_k = -3; }); });
  expect_error("top_p: 0", [&] { with([](auto& o) { o.top_p = 0; }); });
  expect_error("min_p: 2", [&] { with([](auto& o) { o.min_p = 2; }); });
  expect_error("repetition_penalty: 0", [&] { with([](auto& o) { o.repetition_penalty = 0; }); });
  expect_error("logit_bias: token 10", [&] { with([](auto& o) { o.logit_bias[10] = 1; }); });
}

}  // namespace
}  // namespace tarn
