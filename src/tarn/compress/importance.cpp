#include "tarn/compress/importance.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <numeric>

#include "tarn/base/error.h"
#include "tarn/io/quote.h"
#include "tarn/io/safetensors.h"
#include "tarn/io/safetensors_writer.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/reduce.h"
#include "tarn/ops/shape.h"

namespace tarn::compress {
namespace {

constexpr const char* format_key = "format";
constexpr const char* format_name = "tarn.importance.1";
constexpr const char* tokens_key = "tokens";
// Of the mean: a column that the text never used still has some weight.
constexpr float least_part = 1e-4F;

// Sums squares of what goes into each product, chunk by chunk.
class SquaresProbe final : public Probe {
 public:
  void input(const std::string& module, const array& x) override {
    // Products that share x share its sum.
    if (last_.empty() || last_[0].node() != x.node()) {
      last_ = {x};
      sums_.push_back(sum(square(reshape(x, {-1, x.shape(-1)})), 0));
    }
    of_module_[module] = sums_.size() - 1;
  }

  // The graph's part of this chunk, to be evaluated with it.
  const std::vector<array>& sums() const { return sums_; }
  void add_chunk() {
    for (const auto& [module, index] : of_module_) {
      const std::vector<float> squares = sums_[index].to_vector<float>();
      std::vector<double>& total = totals_[module];
      total.resize(squares.size());
      for (size_t i = 0; i < squares.size(); ++i) total[i] += static_cast<double>(squares[i]);
    }
    last_.clear();
    sums_.clear();
    of_module_.clear();
  }
  const std::map<std::string, std::vector<double>>& totals() const { return totals_; }

 private:
  std::vector<array> last_;  // one, or none before the first
  std::vector<array> sums_;
  std::map<std::string, size_t> of_module_;
  std::map<std::string, std::vector<double>> totals_;
};

void check_values(const std::vector<float>& values, const std::string& module,
                  const std::string& where) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i]) && values[i] >= 0) continue;
    fail(ErrorCode::corrupt,
         "{}: the importance of input {} of {} is {}, a finite number of at least 0 was expected",
         where, i, quote(module), values[i]);
  }
}

uint64_t parse_tokens(const std::map<std::string, std::string>& metadata, const std::string& path) {
  const auto found = metadata.find(tokens_key);
  uint64_t tokens = 0;
  if (found != metadata.end()) {
    const std::string& text = found->second;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), tokens);
    if (error == std::errc{} && end == text.data() + text.size() && tokens > 0) return tokens;
  }
  fail(ErrorCode::corrupt, "{}: its metadata lack a valid \"{}\": collect the importance again",
       path, tokens_key);
}

}  // namespace

std::vector<float> Importance::weights_of(const std::string& module) const {
  const auto found = mean_squares.find(module);
  if (found == mean_squares.end()) return {};
  std::vector<float> weights = found->second;
  const double mean =
      std::accumulate(weights.begin(), weights.end(), 0.0) / static_cast<double>(weights.size());
  if (!(mean > 0)) return {};
  for (float& weight : weights) {
    weight = std::max(static_cast<float>(static_cast<double>(weight) / mean), least_part);
  }
  return weights;
}

Importance collect_importance(const std::filesystem::path& folder, const CalibrationText& text,
                              const std::function<void(uint64_t, uint64_t)>& progress) {
  const auto probe = std::make_shared<SquaresProbe>();
  const auto model = load_model(folder, {.exact = true, .probe = probe});
  run_calibration(*model, text,
                  [&](size_t position, const array& logits, const std::vector<array>& state) {
                    std::vector<array> wanted = state;
                    wanted.push_back(logits);
                    wanted.insert(wanted.end(), probe->sums().begin(), probe->sums().end());
                    eval(wanted);
                    probe->add_chunk();
                    if (progress) {
                      progress(position + static_cast<size_t>(logits.shape(0)), text.tokens.size());
                    }
                  });
  Importance result;
  result.tokens = text.tokens.size();
  for (const auto& [module, total] : probe->totals()) {
    std::vector<float>& means = result.mean_squares[module];
    for (const double value : total) {
      means.push_back(static_cast<float>(value / static_cast<double>(result.tokens)));
    }
    check_values(means, module, folder.string());
  }
  return result;
}

void write_importance(const std::filesystem::path& file, const Importance& importance) {
  std::vector<TensorSpec> specs;
  for (const auto& [module, values] : importance.mean_squares) {
    specs.push_back({module, StorageType::f32, {static_cast<int64_t>(values.size())}});
  }
  SafetensorsWriter writer(
      file, specs, {{format_key, format_name}, {tokens_key, std::to_string(importance.tokens)}});
  for (const auto& [module, values] : importance.mean_squares) {
    writer.append(module, std::as_bytes(std::span(values)));
  }
  writer.finish();
}

Importance read_importance(const std::filesystem::path& path) {
  const SafetensorsFile file = SafetensorsFile::open(path);
  const auto format = file.metadata().find(format_key);
  if (format == file.metadata().end() || format->second != format_name) {
    fail(ErrorCode::corrupt,
         "{}: holds no importance that `tarn quantize --save-importance` wrote: its metadata lack "
         "\"{}\": \"{}\"",
         path.string(), format_key, format_name);
  }
  Importance result;
  result.tokens = parse_tokens(file.metadata(), path.string());
  for (const TensorInfo& info : file.tensors()) {
    if (info.type != StorageType::f32 || info.shape.size() != 1 || info.bytes.empty()) {
      fail(ErrorCode::corrupt, "{}: {} is no vector of F32: collect the importance again",
           path.string(), quote(info.name));
    }
    std::vector<float>& values = result.mean_squares[info.name];
    values.resize(info.bytes.size() / sizeof(float));
    std::memcpy(values.data(), info.bytes.data(), info.bytes.size());
    check_values(values, info.name, path.string());
  }
  return result;
}

}  // namespace tarn::compress
