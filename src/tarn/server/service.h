// What all requests share: the model, the engine that runs it, and what is known of both.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tarn/lm/engine.h"
#include "tarn/lm/loaded_model.h"
#include "tarn/server/metrics.h"
#include "tarn/text/chat/template_traits.h"
#include "tarn/text/chat/tool_format.h"
#include "tarn/text/grammar/constraint.h"

namespace tarn::server {

struct ServiceOptions {
  std::string model_name;  // what /v1/models lists and answers carry
  int64_t max_tokens = 0;  // of answers that do not say; 0: until the context is full
  double bandwidth = 0;    // of memory, measured, bytes a second; 0: not measured
  EngineOptions engine;
};

class Service {
 public:
  // Keeps a reference to the model, which has a tokenizer.
  Service(const LoadedModel& model, const ServiceOptions& options);

  const LoadedModel& model() const { return model_; }
  Engine& engine() { return engine_; }
  Metrics& metrics() { return metrics_; }
  const std::string& name() const { return options_.model_name; }
  int64_t default_max_tokens() const { return options_.max_tokens; }
  int64_t context() const { return context_; }
  // Bytes that the answer's tokens read a second, as a part of the memory's bandwidth; 0: unknown.
  double bandwidth_fraction(double tokens_per_second) const;
  std::chrono::system_clock::time_point started() const { return started_; }

  // How the model writes reasoning and calls, and what its template takes.
  const text::OutputSyntax& syntax() const { return syntax_; }
  const text::TemplateTraits& traits() const { return traits_; }
  // Special tokens that must be seen to read an answer.
  const std::set<int32_t>& kept_tokens() const { return kept_tokens_; }
  // What ends an answer: the model's end tokens, and those of the syntax.
  const std::vector<int32_t>& end_tokens() const { return end_tokens_; }

  // The grammar over this model's tokens. Compiled ones are remembered by `key`.
  text::TokenGrammar grammar(const std::string& key, const std::function<text::Grammar()>& make);
  // The same with the tokens that structure the output: grammars of calls have them.
  text::TokenGrammar call_grammar(const std::string& key,
                                  const std::function<text::Grammar()>& make);

 private:
  void read_template();
  using Vocabulary = std::shared_ptr<const text::GrammarVocabulary>;
  text::TokenGrammar compiled(const std::string& key, const std::function<text::Grammar()>& make,
                              const std::function<Vocabulary()>& vocabulary);
  Vocabulary vocabulary();
  Vocabulary call_vocabulary();

  const LoadedModel& model_;
  const ServiceOptions options_;
  int64_t context_;
  text::OutputSyntax syntax_;
  text::TemplateTraits traits_;
  std::set<int32_t> kept_tokens_;
  std::vector<int32_t> end_tokens_;
  const std::chrono::system_clock::time_point started_ = std::chrono::system_clock::now();
  Metrics metrics_;

  std::mutex grammar_mutex_;
  Vocabulary vocabulary_;
  Vocabulary call_vocabulary_;
  std::list<std::pair<std::string, text::TokenGrammar>> grammars_;  // used last at the front

  Engine engine_;  // last: its thread ends first
};

}  // namespace tarn::server
