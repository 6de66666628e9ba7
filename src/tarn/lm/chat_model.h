// What is known of a model that answers: how it writes reasoning and calls, what its template
// takes, what ends an answer, and grammars over its tokens. What the server and the C API share.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tarn/lm/loaded_model.h"
#include "tarn/text/chat/template_traits.h"
#include "tarn/text/chat/tool_format.h"
#include "tarn/text/grammar/constraint.h"

namespace tarn {

// Safe to use from several threads.
class ChatModel {
 public:
  // Keeps a reference to the model, which has a tokenizer (else not_found). A chat template is not
  // needed: without one nothing is known, and the defaults hold.
  explicit ChatModel(const LoadedModel& model);

  const LoadedModel& loaded() const { return model_; }
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
  text::OutputSyntax syntax_;
  text::TemplateTraits traits_;
  std::set<int32_t> kept_tokens_;
  std::vector<int32_t> end_tokens_;

  std::mutex grammar_mutex_;
  Vocabulary vocabulary_;
  Vocabulary call_vocabulary_;
  std::list<std::pair<std::string, text::TokenGrammar>> grammars_;  // used last at the front
};

}  // namespace tarn
