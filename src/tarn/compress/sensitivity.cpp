#include "tarn/compress/sensitivity.h"

#include <algorithm>
#include <cmath>

#include "tarn/base/error.h"
#include "tarn/compress/matrix_source.h"
#include "tarn/io/quote.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/reduce.h"
#include "tarn/ops/shape.h"
#include "tarn/ops/softmax.h"

namespace tarn::compress {
namespace {

// One matrix of the model in another format.
class OneReplaced final : public Probe {
 public:
  std::optional<std::variant<array, PanelArray>> matrix(const std::string& module) override {
    if (module != module_) return std::nullopt;
    return *panels_;
  }
  void replace(const std::string& module, const CodedMatrix& coded) {
    panels_ = pack_panels(coded);
    eval({panels_->panels});
    module_ = module;
  }
  void restore() {
    panels_.reset();
    module_.clear();
  }

 private:
  std::string module_;
  std::optional<PanelArray> panels_;
};

size_t tokens_to_measure(int64_t vocab_size) {
  const uint64_t each = static_cast<uint64_t>(vocab_size) * sizeof(float);
  return static_cast<size_t>(std::clamp<uint64_t>(sensitivity_bytes / each, 2, sensitivity_tokens));
}

// The model as it is, and its divergence when one matrix is replaced.
class DivergenceMeter {
 public:
  DivergenceMeter(const std::filesystem::path& folder, const CalibrationText& text)
      : model_(load_model(folder, {.exact = true, .probe = probe_})),
        text_(text.first(tokens_to_measure(model_->config().vocab_size))) {
    run_calibration(*model_, text_,
                    [&](size_t, const array& logits, const std::vector<array>& state) {
                      reference_.push_back(log_softmax(logits));
                      evaluate(state, reference_.back());
                    });
  }

  // Nats a token.
  double divergence_with(const std::string& module, const CodedMatrix& coded) {
    probe_->replace(module, coded);
    double sum_of_all = 0;
    size_t chunk = 0;
    run_calibration(*model_, text_,
                    [&](size_t, const array& logits, const std::vector<array>& state) {
                      const array& p = reference_[chunk++];
                      // [T]: small sums, added in double
                      const array each = sum(exp(p) * (p - log_softmax(logits)), -1);
                      evaluate(state, each);
                      for (const float value : each.to_vector<float>()) {
                        sum_of_all += static_cast<double>(value);
                      }
                    });
    probe_->restore();
    return std::max(0.0, sum_of_all / static_cast<double>(text_.tokens.size()));
  }

 private:
  static void evaluate(std::vector<array> state, const array& result) {
    state.push_back(result);
    eval(state);
  }
  std::shared_ptr<OneReplaced> probe_ = std::make_shared<OneReplaced>();
  std::unique_ptr<Model> model_;
  CalibrationText text_;
  std::vector<array> reference_;  // log-probabilities by chunk
};

struct Encoded {
  CodedMatrix matrix;
  double error = 0;
};

Encoded encode_whole(const PlannedTensor& planned, const quant::Format& format,
                     const Importance* importance) {
  const TensorInfo& info = *planned.info;
  const auto codec = codec_of(format, info.type);
  std::optional<array> weights;
  if (importance != nullptr) {
    const std::vector<float> of_module = importance->weights_of(planned.module);
    if (!of_module.empty()) weights = array(of_module, {info.shape[1]});
  }
  std::vector<std::vector<array>> pieces(
      codec->parts(static_cast<size_t>(info.shape[0]), static_cast<size_t>(info.shape[1])).size());
  double off = 0, all_of_it = 0;
  encode_in_pieces(info, codec, weights, [&](const array& rows, const CodedMatrix& coded) {
    const array weigh = weights.value_or(array(1.0F));
    const array error = sum(square(decode(coded) - rows) * weigh);
    const array size = sum(square(rows) * weigh);
    eval({error, size});
    off += static_cast<double>(error.item<float>());
    all_of_it += static_cast<double>(size.item<float>());
    for (size_t i = 0; i < coded.parts.size(); ++i) pieces[i].push_back(coded.parts[i]);
  });
  Encoded result{{codec, info.shape[0], info.shape[1], {}}, all_of_it > 0 ? off / all_of_it : 0};
  for (const std::vector<array>& piece : pieces) {
    result.matrix.parts.push_back(piece.size() == 1 ? piece[0] : concatenate(piece, 0));
  }
  eval(result.matrix.parts);
  return result;
}

uint64_t bytes_in(const PlannedTensor& planned, const quant::Format& format) {
  const TensorInfo& info = *planned.info;
  return codec_of(format, info.type)
      ->bytes(static_cast<size_t>(info.shape[0]), static_cast<size_t>(info.shape[1]));
}

std::vector<MeasuredFormat> fitting(const PlannedTensor& planned,
                                    const std::vector<quant::Format>& candidates) {
  std::vector<MeasuredFormat> formats;
  std::string why;
  for (const quant::Format& format : candidates) {
    why = codec_of(format, planned.info->type)->misfit(static_cast<size_t>(planned.info->shape[1]));
    if (why.empty()) formats.push_back({format, bytes_in(planned, format), 0, 0});
  }
  if (formats.empty()) {
    fail(ErrorCode::invalid_argument,
         "{} fits none of the candidates: {}; add one that fits with --candidates, or keep it with "
         "--rule '{}=none'",
         quote(planned.module), why, planned.module);
  }
  std::stable_sort(formats.begin(), formats.end(),
                   [](const auto& a, const auto& b) { return a.bytes < b.bytes; });
  return formats;
}

// Divergence for each format, from those measured: by the error's ratio to the nearest one.
void fill_losses(std::vector<MeasuredFormat>& formats, const std::vector<size_t>& measured) {
  for (size_t i = 0; i < formats.size(); ++i) {
    if (std::find(measured.begin(), measured.end(), i) != measured.end()) continue;
    const auto distance = [&](size_t m) {
      return std::abs(std::log(formats[i].error + 1e-30) - std::log(formats[m].error + 1e-30));
    };
    const size_t nearest =
        *std::min_element(measured.begin(), measured.end(),
                          [&](size_t a, size_t b) { return distance(a) < distance(b); });
    const MeasuredFormat& from = formats[nearest];
    formats[i].loss = from.error > 0 ? from.loss * formats[i].error / from.error : 0;
  }
}

bool searched(const PlannedTensor& planned) { return planned.format && !planned.by_rule; }

}  // namespace

Reach reachable_bytes(const std::vector<PlannedTensor>& plan,
                      const std::vector<quant::Format>& candidates) {
  Reach reach;
  for (const PlannedTensor& planned : plan) {
    if (!searched(planned)) continue;
    const std::vector<MeasuredFormat> formats = fitting(planned, candidates);
    reach.least += formats.front().bytes;
    reach.most += formats.back().bytes;
  }
  return reach;
}

std::vector<MeasuredModule> measure_sensitivity(const std::filesystem::path& folder,
                                                const std::vector<PlannedTensor>& plan,
                                                const std::vector<quant::Format>& candidates,
                                                const SensitivityOptions& options) {
  std::vector<MeasuredModule> modules;
  uint64_t total = 0, values = 0;
  for (const PlannedTensor& planned : plan) {
    if (!searched(planned)) continue;
    modules.push_back({&planned, fitting(planned, candidates)});
    total += modules.back().formats.size();
    values += planned.info->element_count();
  }
  std::optional<DivergenceMeter> meter;
  if (options.text != nullptr) meter.emplace(folder, *options.text);
  uint64_t done = 0;
  for (MeasuredModule& module : modules) {
    const std::vector<size_t> measured = {0, module.formats.size() / 2};
    for (size_t i = 0; i < module.formats.size(); ++i) {
      MeasuredFormat& format = module.formats[i];
      const Encoded encoded = encode_whole(*module.planned, format.format, options.importance);
      format.error = encoded.error;
      if (!meter) {
        format.loss = encoded.error * static_cast<double>(module.planned->info->element_count()) /
                      static_cast<double>(values);
      } else if (std::find(measured.begin(), measured.end(), i) != measured.end()) {
        format.loss = meter->divergence_with(module.planned->module, encoded.matrix);
      }
      if (options.progress) options.progress(++done, total);
    }
    if (meter) fill_losses(module.formats, measured);
  }
  return modules;
}

}  // namespace tarn::compress
