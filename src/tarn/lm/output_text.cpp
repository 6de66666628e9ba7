#include "tarn/lm/output_text.h"

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
}

std::span<const uint32_t> OutputConstraint::mask() {
  return reasoning_ ? std::span<const uint32_t>(all_) : constraint_.mask();
}

void OutputConstraint::accept(int32_t token) {
  if (!reasoning_) return constraint_.accept(token);
  tail_ += text_->push(token);
  if (tail_.find(close_) != std::string::npos) reasoning_ = false;
  if (tail_.size() > 4 * close_.size()) tail_.erase(0, tail_.size() - 2 * close_.size());
}

}  // namespace tarn
