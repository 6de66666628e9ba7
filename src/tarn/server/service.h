// What all requests share: the model, the engine that runs it, and what is known of both.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "tarn/lm/chat_model.h"
#include "tarn/lm/engine.h"
#include "tarn/server/metrics.h"

namespace tarn::server {

struct ServiceOptions {
  std::string model_name;  // what /v1/models lists and answers carry
  int64_t max_tokens = 0;  // of answers that do not say; 0: until the context is full
  double bandwidth = 0;    // of memory, measured, bytes a second; 0: not measured
  EngineOptions engine;
  std::filesystem::path cache_folder;               // of kept prefixes; empty: none
  uint64_t cache_folder_bytes = uint64_t{4} << 30;  // that it may take
};

class Service {
 public:
  // Keeps a reference to the model, which has a tokenizer.
  Service(const LoadedModel& model, const ServiceOptions& options);

  const LoadedModel& model() const { return chat_.loaded(); }
  Engine& engine() { return engine_; }
  Metrics& metrics() { return metrics_; }
  const std::string& name() const { return options_.model_name; }
  int64_t default_max_tokens() const { return options_.max_tokens; }
  int64_t context() const { return context_; }
  // Bytes that the answer's tokens read a second, as a part of the memory's bandwidth; 0: unknown.
  double bandwidth_fraction(double tokens_per_second) const;
  std::chrono::system_clock::time_point started() const { return started_; }

  // Kept prefixes from the cache folder and to it (lm/prefix_files.h). nullopt: there is no folder.
  std::optional<PrefixFiles> load_prefixes();
  std::optional<PrefixFiles> save_prefixes();

  // What is known of the model's output, and grammars for it.
  ChatModel& chat() { return chat_; }
  const ChatModel& chat() const { return chat_; }
  const text::OutputSyntax& syntax() const { return chat_.syntax(); }
  text::TokenGrammar grammar(const std::string& key, const std::function<text::Grammar()>& make) {
    return chat_.grammar(key, make);
  }
  text::TokenGrammar call_grammar(const std::string& key,
                                  const std::function<text::Grammar()>& make) {
    return chat_.call_grammar(key, make);
  }

 private:
  ChatModel chat_;
  const ServiceOptions options_;
  int64_t context_;
  const std::chrono::system_clock::time_point started_ = std::chrono::system_clock::now();
  Metrics metrics_;
  Engine engine_;  // last: its thread ends first
};

}  // namespace tarn::server
