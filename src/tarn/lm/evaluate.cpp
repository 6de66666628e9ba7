#include "tarn/lm/evaluate.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tarn/base/error.h"
#include "tarn/base/progress.h"
#include "tarn/lm/generate.h"
#include "tarn/lm/softmax.h"

namespace tarn {
namespace {

// Logits of so many tokens are in memory at once.
constexpr int64_t chunk = 256;

double loss(std::span<const float> logits, int32_t token) {
  const float largest = largest_logit(logits);
  return std::log(exp_sum(logits, largest, 1.0F, {})) + largest -
         logits[static_cast<size_t>(token)];
}

}  // namespace

void run_windows(std::span<const Model* const> models, const std::vector<int32_t>& tokens,
                 int64_t window, const std::atomic<bool>* cancel, const VisitLogits& visit) {
  for (const Model* model : models) {
    check_tokens(*model, tokens);
    const int64_t limit = context_limit(*model, 0);
    if (window < 2 || (limit > 0 && window > limit)) {
      fail(ErrorCode::invalid_argument,
           "window: {} tokens are not possible, and it must be at least 2 and at most the model's "
           "context of {}",
           window, limit);
    }
  }
  const auto count = static_cast<int64_t>(tokens.size());
  std::vector<std::span<const float>> rows(models.size());
  Progress progress("eval", tokens.size(), "tokens");
  for (int64_t start = 0; start < count; start += window) {
    const int64_t window_end = std::min(count, start + window);
    std::vector<Cache> caches;
    for (const Model* model : models) {
      caches.push_back(model->make_cache());
      caches.back().expect(window_end - start);
    }
    for (int64_t at = start; at < window_end - 1; at += chunk) {
      if (cancel != nullptr && cancel->load()) {
        fail(ErrorCode::cancelled, "eval: it was interrupted; run it again for a result");
      }
      const int64_t end = std::min(window_end, at + chunk);
      std::vector<array> logits;
      for (size_t m = 0; m < models.size(); ++m) {
        logits.push_back(models[m]->forward({tokens.begin() + at, tokens.begin() + end}, caches[m],
                                            LogitsFor::all_tokens));
        std::vector<array> wanted = caches[m].arrays();
        wanted.push_back(logits.back());
        eval(wanted);
      }
      for (int64_t i = at; i < std::min(end, window_end - 1); ++i) {
        for (size_t m = 0; m < models.size(); ++m) {
          const auto vocab = static_cast<size_t>(models[m]->config().vocab_size);
          rows[m] = {logits[m].data<float>() + static_cast<size_t>(i - at) * vocab, vocab};
        }
        visit(static_cast<size_t>(i + 1), rows);
      }
      progress.set(static_cast<uint64_t>(end));
    }
  }
}

std::vector<double> window_losses(const Model& model, const std::vector<int32_t>& tokens,
                                  int64_t window, const std::atomic<bool>* cancel) {
  std::vector<double> losses(tokens.size(), std::numeric_limits<double>::quiet_NaN());
  const Model* const models[] = {&model};
  run_windows(models, tokens, window, cancel,
              [&](size_t position, std::span<const std::span<const float>> logits) {
                losses[position] = loss(logits[0], tokens[position]);
              });
  return losses;
}

std::string final_answer(std::string_view output) {
  constexpr std::string_view tag = "</think>";
  constexpr std::string_view white_space = " \t\n\r\f\v";
  const size_t thought = output.rfind(tag);
  if (thought != std::string_view::npos) output.remove_prefix(thought + tag.size());
  const size_t first = output.find_first_not_of(white_space);
  if (first == std::string_view::npos) return {};
  return std::string(output.substr(first, output.find_last_not_of(white_space) - first + 1));
}

}  // namespace tarn
