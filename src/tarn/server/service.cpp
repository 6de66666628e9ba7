#include "tarn/server/service.h"

#include <algorithm>

namespace tarn::server {
namespace {

constexpr size_t most_grammars = 64;

}  // namespace

Service::Service(const LoadedModel& model, const ServiceOptions& options)
    : model_(model),
      options_(options),
      context_(context_limit(model.model(), options.engine.context_limit)),
      end_tokens_(model.end_tokens()),
      engine_(model, options.engine) {
  read_template();
}

void Service::read_template() {
  if (!model_.has_chat_template()) return;
  const std::string& source = model_.chat_template_source();
  syntax_ = text::detect_output_syntax(source);
  traits_ = text::probe_template(model_.chat_template(), source, &model_.template_variables());
  for (const std::string& marker : text::markers(syntax_)) {
    if (const auto id = model_.tokenizer().token_to_id(marker)) kept_tokens_.insert(*id);
  }
  for (const std::string& marker : text::turn_end_markers(syntax_.tools)) {
    const auto id = model_.tokenizer().token_to_id(marker);
    const bool known =
        !id || std::find(end_tokens_.begin(), end_tokens_.end(), *id) != end_tokens_.end();
    if (!known) end_tokens_.push_back(*id);
  }
}

double Service::bandwidth_fraction(double tokens_per_second) const {
  if (options_.bandwidth <= 0) return 0;
  return tokens_per_second * static_cast<double>(model_.model().size().bytes_per_token) /
         options_.bandwidth;
}

Service::Vocabulary Service::vocabulary() {
  const std::lock_guard lock(grammar_mutex_);
  if (!vocabulary_) {
    vocabulary_ = std::make_shared<text::GrammarVocabulary>(
        model_.tokenizer(), end_tokens_, static_cast<int32_t>(model_.model().config().vocab_size));
  }
  return vocabulary_;
}

Service::Vocabulary Service::call_vocabulary() {
  const Vocabulary plain = vocabulary();
  const std::lock_guard lock(grammar_mutex_);
  if (!call_vocabulary_) {
    std::vector<std::optional<std::string>> tokens(static_cast<size_t>(plain->size()));
    for (int32_t id = 0; id < plain->size(); ++id) {
      if (const auto bytes = plain->bytes(id)) tokens[static_cast<size_t>(id)] = *bytes;
    }
    for (const int32_t id : kept_tokens_) {
      tokens[static_cast<size_t>(id)] = model_.tokenizer().id_to_token(id);
    }
    call_vocabulary_ = std::make_shared<text::GrammarVocabulary>(std::move(tokens), end_tokens_);
  }
  return call_vocabulary_;
}

text::TokenGrammar Service::compiled(const std::string& key,
                                     const std::function<text::Grammar()>& make,
                                     const std::function<Vocabulary()>& vocabulary) {
  {
    const std::lock_guard lock(grammar_mutex_);
    const auto found = std::find_if(grammars_.begin(), grammars_.end(),
                                    [&](const auto& one) { return one.first == key; });
    if (found != grammars_.end()) {
      grammars_.splice(grammars_.begin(), grammars_, found);
      return found->second;
    }
  }
  text::TokenGrammar made(make(), vocabulary());
  const std::lock_guard lock(grammar_mutex_);
  grammars_.emplace_front(key, made);
  if (grammars_.size() > most_grammars) grammars_.pop_back();
  return made;
}

text::TokenGrammar Service::grammar(const std::string& key,
                                    const std::function<text::Grammar()>& make) {
  return compiled(key, make, [this] { return vocabulary(); });
}

text::TokenGrammar Service::call_grammar(const std::string& key,
                                         const std::function<text::Grammar()>& make) {
  return compiled(key, make, [this] { return call_vocabulary(); });
}

}  // namespace tarn::server
