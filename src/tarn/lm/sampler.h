// From logits to the next token.
//
// The chain, in this order: logit bias; repetition, frequency and presence penalties; temperature;
// top-k; top-p; min-p; one draw. Temperature stands before the filters, as in transformers and
// vLLM, whose published generation settings assume it; each filter sees what the one before it
// left. Everything is computed in plain float arithmetic with a random stream of its own: equal
// logits, options and seed give equal tokens on every machine.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace tarn {

struct SamplerOptions {
  float temperature = 0;         // 0: greedy, and top_k, top_p, min_p and seed have no effect
  int64_t top_k = 0;             // keep the k likeliest; 0: all
  float top_p = 1;               // keep the likeliest that together reach this probability; 1: all
  float min_p = 0;               // keep what has this part of the likeliest one's probability
  float repetition_penalty = 1;  // of tokens in prompt and answer: divides logits > 0, else times
  int64_t penalty_last_n = 0;    // how many of the last tokens the penalties look at; 0: all
  float frequency_penalty = 0;   // subtracted for each time that the answer holds the token
  float presence_penalty = 0;    // subtracted once if the answer holds the token
  std::map<int32_t, float> logit_bias;  // added to a token's logit; -infinity forbids it
  uint64_t seed = 0;
};

// Error(invalid_argument) naming the option, its value and what it may be.
void validate(const SamplerOptions& options, int64_t vocab_size);

struct TokenLogprob {
  int32_t token = 0;
  float logprob = 0;
};

// Natural logarithms of the probabilities that the model itself gives, before the sampler's chain.
struct Logprobs {
  float logprob = 0;              // of the chosen token
  std::vector<TokenLogprob> top;  // the likeliest, in falling order; equal ones by rising id
};
Logprobs log_probabilities(std::span<const float> logits, int32_t chosen, int64_t top_n);

// Id of the largest logit, the lowest on a tie. Error when a logit is NaN or +infinity or all are
// -infinity.
int32_t argmax(std::span<const float> logits);

// Uniform numbers in [0, 1): a hash of seed and count, so that a stream is continued or repeated by
// its two numbers.
double uniform_random(uint64_t seed, uint64_t count);

class Sampler {
 public:
  // Validates.
  Sampler(SamplerOptions options, int64_t vocab_size);

  // The next token behind `history`, of which the first `prompt_length` tokens are the prompt.
  // Errors: as argmax; every token forbidden.
  int32_t sample(std::span<const float> logits, std::span<const int32_t> history,
                 size_t prompt_length);

  const SamplerOptions& options() const { return options_; }

 private:
  struct Candidate {
    int32_t token;
    float logit;   // until weigh()
    float weight;  // proportional to the probability
  };
  std::span<const float> adjust(std::span<const float> logits, std::span<const int32_t> history,
                                size_t prompt_length);
  void penalize(std::span<const int32_t> history, size_t prompt_length);
  void keep_top_k(std::span<const float> logits);
  void keep_all_that_matter(std::span<const float> logits, float largest);
  void weigh(float largest);
  void keep_top_p();
  int32_t draw();

  SamplerOptions options_;
  int64_t vocab_size_;
  uint64_t draws_ = 0;
  double total_ = 0;  // of the weights, before top-p and min-p
  // Scratch, kept from token to token.
  std::vector<float> adjusted_;
  std::vector<float> weights_;
  std::vector<double> bucket_sums_;
  std::vector<uint32_t> counts_;
  std::vector<Candidate> candidates_;
};

}  // namespace tarn
