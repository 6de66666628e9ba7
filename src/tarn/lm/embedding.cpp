#include "tarn/lm/embedding.h"

#include <algorithm>
#include <cmath>

namespace tarn {

std::vector<float> embed(const Model& model, const std::vector<int32_t>& tokens, Pooling pooling) {
  constexpr size_t chunk = 512;
  Cache cache = model.make_cache();
  cache.expect(static_cast<int64_t>(tokens.size()));
  std::vector<double> sum;
  for (size_t at = 0; at < tokens.size(); at += chunk) {
    const size_t stop = std::min(tokens.size(), at + chunk);
    const std::vector<int32_t> part(tokens.begin() + static_cast<ptrdiff_t>(at),
                                    tokens.begin() + static_cast<ptrdiff_t>(stop));
    const std::vector<float> hidden =
        model.forward(part, cache, LogitsFor::hidden_states).to_vector<float>();
    const size_t width = hidden.size() / part.size();
    sum.resize(width);
    for (size_t t = 0; t < part.size(); ++t) {
      const bool counts = pooling == Pooling::mean || at + t + 1 == tokens.size();
      if (!counts) continue;
      for (size_t i = 0; i < width; ++i) sum[i] += static_cast<double>(hidden[t * width + i]);
    }
  }
  double square = 0;
  for (const double x : sum) square += x * x;
  std::vector<float> result;
  for (const double x : sum) {
    result.push_back(static_cast<float>(square > 0 ? x / std::sqrt(square) : 0));
  }
  return result;
}

}  // namespace tarn
