#include "tarn/lm/chat_model.h"

#include <algorithm>

namespace tarn {
namespace {

constexpr size_t most_grammars = 64;

}  // namespace

ChatModel::ChatModel(const LoadedModel& model) : model_(model), end_tokens_(model.end_tokens()) {
  model.tokenizer();  // an error that says what is missing
  read_template();
}

void ChatModel::read_template() {
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

ChatModel::Vocabulary ChatModel::vocabulary() {
  const std::lock_guard lock(grammar_mutex_);
  if (!vocabulary_) {
    vocabulary_ = std::make_shared<text::GrammarVocabulary>(
        model_.tokenizer(), end_tokens_, static_cast<int32_t>(model_.model().config().vocab_size));
  }
  return vocabulary_;
}

ChatModel::Vocabulary ChatModel::call_vocabulary() {
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

text::TokenGrammar ChatModel::compiled(const std::string& key,
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

text::TokenGrammar ChatModel::grammar(const std::string& key,
                                      const std::function<text::Grammar()>& make) {
  return compiled(key, make, [this] { return vocabulary(); });
}

text::TokenGrammar ChatModel::call_grammar(const std::string& key,
                                           const std::function<text::Grammar()>& make) {
  return compiled(key, make, [this] { return call_vocabulary(); });
}

}  // namespace tarn
