#include "tarn/lm/output_text.h"

#include <algorithm>

namespace tarn {

OutputText::OutputText(const ChatModel& model)
    : model_(model), decoder_(model.loaded().tokenizer(), false) {}

std::string OutputText::push(int32_t token) {
  const bool special = model_.loaded().tokenizer().is_special(token);
  if (special && !model_.kept_tokens().contains(token)) return {};
  return decoder_.push(token);
}

OutputConstraint::OutputConstraint(const ChatModel& model, const text::TokenGrammar& grammar,
                                   bool in_reasoning)
    : constraint_(grammar), reasoning_(in_reasoning), close_(model.syntax().reasoning.close) {
  if (!reasoning_) return;
  text_ = std::make_unique<OutputText>(model);
  const auto vocab = static_cast<size_t>(model.loaded().model().config().vocab_size);
  all_.assign((vocab + 31) / 32, ~0U);
  const text::GrammarVocabulary& vocabulary = grammar.vocabulary();
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    const auto bytes = vocabulary.bytes(id);
    if (bytes && (*bytes == "\n" || *bytes == "\n\n")) breaks_.push_back(id);
  }
  breaks_left_ = 2;
}

void OutputConstraint::expect_at_most(int64_t tokens) {
  if (!reasoning_) constraint_.expect_at_most(std::max<int64_t>(1, tokens - breaks_left_));
}

std::span<const uint32_t> OutputConstraint::mask() {
  if (reasoning_) return all_;
  const std::span<const uint32_t> mask = constraint_.mask();
  if (breaks_left_ == 0) return mask;
  with_breaks_.assign(mask.begin(), mask.end());
  for (const int32_t id : breaks_) with_breaks_[static_cast<size_t>(id) / 32] |= 1U << (id % 32);
  return with_breaks_;
}

void OutputConstraint::accept(int32_t token) {
  if (reasoning_) {
    tail_ += text_->push(token);
    if (tail_.find(close_) != std::string::npos) reasoning_ = false;
    if (tail_.size() > 4 * close_.size()) tail_.erase(0, tail_.size() - 2 * close_.size());
    return;
  }
  const bool is_break = std::find(breaks_.begin(), breaks_.end(), token) != breaks_.end();
  if (breaks_left_ > 0 && is_break) {
    --breaks_left_;
    return;
  }
  breaks_left_ = 0;
  constraint_.accept(token);
}

}  // namespace tarn
