// What stands between a model's tokens and the reader of its output (text/chat/output_parser.h):
// text in which the markers of reasoning and calls survive, and grammars that leave reasoning free.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tarn/lm/chat_model.h"
#include "tarn/lm/generate.h"

namespace tarn {

// Text without special tokens, but for those that structure the output. Keeps a reference to
// `model`.
class OutputText final : public TokenText {
 public:
  explicit OutputText(const ChatModel& model);
  std::string push(int32_t token) override;
  std::string finish() override { return decoder_.flush(); }

 private:
  const ChatModel& model_;
  text::StreamDecoder decoder_;
};

// A grammar for the answer. Where the prompt has opened reasoning, anything goes until the model
// closes it, and the grammar begins behind that and the line breaks that models write there:
// without these, a model would be made to write what it has never seen.
class OutputConstraint final : public TokenConstraint {
 public:
  OutputConstraint(const ChatModel& model, const text::TokenGrammar& grammar, bool in_reasoning);
  void expect_at_most(int64_t tokens) override;
  std::span<const uint32_t> mask() override;
  void accept(int32_t token) override;
  bool complete() const override { return !reasoning_ && constraint_.complete(); }

 private:
  text::GrammarConstraint constraint_;
  bool reasoning_;
  std::string close_;
  std::unique_ptr<OutputText> text_;
  std::string tail_;
  std::vector<uint32_t> all_;
  std::vector<int32_t> breaks_;  // tokens that are one or two line breaks
  int breaks_left_ = 0;          // that may yet come before the answer
  std::vector<uint32_t> with_breaks_;
};

}  // namespace tarn
