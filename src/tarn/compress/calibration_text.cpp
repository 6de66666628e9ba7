#include "tarn/compress/calibration_text.h"

#include <algorithm>

#include "tarn/base/error.h"
#include "tarn/base/file.h"
#include "tarn/text/tokenizer.h"

namespace tarn::compress {
namespace {

constexpr uint64_t largest_file = uint64_t{1} << 30;
// More of a text than this for each token asked for is not tokenized.
constexpr size_t bytes_per_token = 64;

// A piece that ends between characters.
std::string_view leading_bytes(std::string_view text, size_t count) {
  if (count >= text.size()) return text;
  while (count > 0 && (static_cast<unsigned char>(text[count]) & 0xC0) == 0x80) --count;
  return text.substr(0, count);
}

}  // namespace

CalibrationText CalibrationText::first(size_t count) const {
  const auto end = tokens.begin() + static_cast<std::ptrdiff_t>(std::min(count, tokens.size()));
  return {{tokens.begin(), end}, window};
}

CalibrationText read_calibration_text(const std::filesystem::path& model,
                                      const std::filesystem::path& file, int64_t limit) {
  if (limit < 2) {
    fail(ErrorCode::invalid_argument, "calibration: {} tokens are too few: take at least 2", limit);
  }
  const ModelConfig config = load_model_config(model);
  const text::Tokenizer tokenizer = text::Tokenizer::from_file(model / "tokenizer.json");
  const std::string text = read_file(file, largest_file);
  const auto most = static_cast<size_t>(limit);
  const size_t bytes = most < largest_file / bytes_per_token ? most * bytes_per_token : text.size();
  CalibrationText result;
  result.tokens = tokenizer.encode(leading_bytes(text, bytes), false).ids;
  result.tokens.resize(std::min(result.tokens.size(), most));
  if (result.tokens.size() < 2) {
    fail(ErrorCode::invalid_argument,
         "{}: the text has {} tokens, and calibration needs 2 at least: give a longer text",
         file.string(), result.tokens.size());
  }
  result.window = std::clamp<int64_t>(config.max_position_embeddings, 2, result.window);
  return result;
}

void run_calibration(const Model& model, const CalibrationText& text, const RanChunk& ran) {
  const auto count = static_cast<int64_t>(text.tokens.size());
  for (int64_t start = 0; start < count; start += text.window) {
    const int64_t window_end = std::min(count, start + text.window);
    Cache cache = model.make_cache();
    cache.expect(window_end - start);
    for (int64_t at = start; at < window_end; at += calibration_chunk) {
      const int64_t end = std::min(window_end, at + calibration_chunk);
      const array logits = model.forward({text.tokens.begin() + at, text.tokens.begin() + end},
                                         cache, LogitsFor::all_tokens);
      ran(static_cast<size_t>(at), logits, cache.arrays());
    }
  }
}

}  // namespace tarn::compress
