// tarn eval kl: how far a model's predictions are from a reference model's.
#include "tarn/cli/eval_kl.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <memory>

#include "tarn/base/error.h"
#include "tarn/base/file.h"
#include "tarn/base/json.h"
#include "tarn/cli/interrupt.h"
#include "tarn/cli/options.h"
#include "tarn/lm/divergence.h"
#include "tarn/lm/model_path.h"

namespace tarn::cli {
namespace {

struct KlOptions {
  std::string reference;
  std::string model;
  std::string text;
  std::string reference_kv_type;
  int64_t window = 1024;
  bool json = false;
  EngineOptions engine;
};

// Perplexity from a mean loss; its error to first order.
Estimate perplexity(const Estimate& loss) {
  return {std::exp(loss.mean), std::exp(loss.mean) * loss.error};
}

json as_json(const Divergence& d, size_t tokens) {
  const Estimate reference_ppl = perplexity(d.reference_loss);
  const Estimate ppl = perplexity(d.loss);
  json positions = json::array();
  for (const PositionBucket& bucket : d.positions) {
    positions.push_back({{"first", bucket.first},
                         {"last", bucket.last},
                         {"predicted", bucket.predicted},
                         {"kl", bucket.kl.mean},
                         {"standard_error", bucket.kl.error}});
  }
  return {{"tokens", tokens},
          {"predicted", d.predicted},
          {"kl",
           {{"mean", d.kl.mean},
            {"standard_error", d.kl.error},
            {"median", d.kl_median},
            {"p99", d.kl_p99},
            {"max", d.kl_max}}},
          {"positions", positions},
          {"same_top1", d.same_top.mean},
          {"reference_ppl", reference_ppl.mean},
          {"reference_ppl_error", reference_ppl.error},
          {"ppl", ppl.mean},
          {"ppl_error", ppl.error},
          {"loss_change", d.loss_change.mean},
          {"loss_change_error", d.loss_change.error}};
}

void run_kl(const KlOptions& options) {
  const LoadOptions load = apply(options.engine);
  LoadOptions reference_load = load;
  reference_load.kv_type = options.engine.default_kv_type;
  if (!options.reference_kv_type.empty()) {
    reference_load.kv_type = kv_type_option(options.reference_kv_type, "--ref-kv-type");
  }
  const std::string text = read_file(options.text);
  const LoadedModel reference(model_path(options.reference), reference_load);
  const LoadedModel model(model_path(options.model), load);
  const std::vector<int32_t> tokens = reference.tokenizer().encode(text, false).ids;
  if (model.has_tokenizer() && model.tokenizer().encode(text, false).ids != tokens) {
    fail(ErrorCode::invalid_argument,
         "{} and {}: their tokenizers cut the text differently, so their predictions cannot be "
         "compared; use models of one tokenizer",
         options.reference, options.model);
  }
  const InterruptScope interrupt;
  const Divergence d = measure_divergence(reference.model(), model.model(), tokens, options.window,
                                          &interrupt.flag());
  if (options.json) {
    fmt::print("{}\n", as_json(d, tokens.size()).dump());
    return;
  }
  const Estimate reference_ppl = perplexity(d.reference_loss);
  const Estimate ppl = perplexity(d.loss);
  fmt::print("divergence {:.6f} +- {:.6f} nats a token; median {:.6f}, p99 {:.6f}, max {:.6f}\n",
             d.kl.mean, d.kl.error, d.kl_median, d.kl_p99, d.kl_max);
  for (const PositionBucket& bucket : d.positions) {
    fmt::print("  positions {:>5} to {:<5} {:.6f} +- {:.6f}\n", bucket.first, bucket.last,
               bucket.kl.mean, bucket.kl.error);
  }
  fmt::print("same likeliest token {:.2f} %\n", 100 * d.same_top.mean);
  fmt::print("perplexity {:.4f} +- {:.4f}, reference {:.4f} +- {:.4f}; loss {:+.6f} +- {:.6f}\n",
             ppl.mean, ppl.error, reference_ppl.mean, reference_ppl.error, d.loss_change.mean,
             d.loss_change.error);
  fmt::print("{} tokens, {} predicted, windows of {}\n", tokens.size(), d.predicted,
             options.window);
}

}  // namespace

void add_eval_kl(CLI::App& eval) {
  auto* kl = eval.add_subcommand("kl", "Distance of a model's predictions from a reference's");
  auto options = std::make_shared<KlOptions>();
  kl->add_option("reference", options->reference, "Reference model folder or name")->required();
  kl->add_option("model", options->model, "Model folder or name; may be the same")->required();
  kl->add_option("--text", options->text, "UTF-8 text file")->required();
  kl->add_option("--ref-kv-type", options->reference_kv_type,
                 "As --kv-type, for the reference (--kv-type is the model's)");
  kl->add_option("--window", options->window, "Tokens a window")->capture_default_str();
  kl->add_flag(
      "--json", options->json,
      R"(Print {"kl":{"mean","p99","max",...},"positions":[...],"same_top1","ppl","reference_ppl",...})");
  options->engine.default_kv_type = KvType::f32;
  add_engine_options(*kl, options->engine);
  kl->footer(
      "Windows as in `eval ppl`. The divergence is Kullback-Leibler's, from the reference's\n"
      "distribution of the next token to the model's, in nats; also by how far from its window's\n"
      "start a token stands.\n\n"
      "Example: tarn eval kl pebble pebble --ref-kv-type f32 --kv-type int4 --text book.txt");
  kl->callback([options] { run_kl(*options); });
}

}  // namespace tarn::cli
