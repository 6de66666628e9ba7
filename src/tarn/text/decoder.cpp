#include "tarn/text/decoder.h"

#include <utility>

#include "tarn/base/error.h"
#include "tarn/text/byte_level.h"
#include "tarn/text/json_fields.h"
#include "tarn/text/pattern.h"
#include "tarn/text/unicode.h"

namespace tarn::text {
namespace {

using Steps = std::vector<std::unique_ptr<DecodeStep>>;

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  if (from.empty()) return std::string(text);
  std::string out;
  size_t done = 0;
  for (size_t at = text.find(from); at != std::string_view::npos; at = text.find(from, done)) {
    out += text.substr(done, at - done);
    out += to;
    done = at + from.size();
  }
  out += text.substr(done);
  return out;
}

// English spacing that tokenizing by words lost.
std::string clean_up(std::string text) {
  static constexpr std::pair<std::string_view, std::string_view> kRules[] = {
      {" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
      {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
      {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kRules) {
    if (text.find(from) != std::string::npos) text = replace_all(text, from, to);
  }
  return text;
}

// Collects the fragments of one token for a step that needs it whole.
class Whole final : public DecodeStep {
 public:
  void push(std::string_view token, const Emit&) override { text_ += token; }
  void finish(const Emit& emit) override { emit(text_); }

 private:
  std::string text_;
};

// A decoder whose steps need whole tokens and emit whole tokens.
template <typename Step>
class TokenDecoder : public Decoder {
 public:
  bool add_steps(Steps& steps, bool fused) const override {
    if (fused) steps.push_back(std::make_unique<Whole>());
    steps.push_back(make_step());
    return fused;
  }

 protected:
  virtual std::unique_ptr<Step> make_step() const = 0;
};

// What no decoder at all comes to.
class JoinStep final : public DecodeStep {
 public:
  void push(std::string_view token, const Emit& emit) override {
    if (!std::exchange(first_, false)) emit(" ");
    emit(token);
  }

 private:
  bool first_ = true;
};

class Join final : public TokenDecoder<JoinStep> {
  std::unique_ptr<JoinStep> make_step() const override { return std::make_unique<JoinStep>(); }
};

class ByteLevelStep final : public DecodeStep {
 public:
  void push(std::string_view token, const Emit& emit) override {
    std::string bytes;
    for (size_t pos = 0; pos < token.size();) {
      const int byte = char_to_byte(next_char(token, pos));
      if (byte < 0) {  // not of the alphabet: the token stands for itself
        bytes = token;
        break;
      }
      bytes += static_cast<char>(static_cast<uint8_t>(byte));
    }
    if (as_bytes_) return emit(bytes);
    std::string text;
    repair_.push(bytes, text);
    emit(text);
  }
  void finish(const Emit& emit) override {
    std::string text;
    repair_.finish(text);
    emit(text);
  }
  void pass_bytes() override { as_bytes_ = true; }

 private:
  Utf8Repair repair_;
  bool as_bytes_ = false;
};

class ByteLevel final : public Decoder {
 public:
  bool add_steps(Steps& steps, bool fused) const override {
    if (fused) steps.push_back(std::make_unique<Whole>());
    steps.push_back(std::make_unique<ByteLevelStep>());
    return true;
  }
};

// A run of byte tokens is text if all of it is valid, else one U+FFFD a byte; so a run can only be
// handed on once it has ended.
class ByteFallbackStep final : public DecodeStep {
 public:
  void push(std::string_view token, const Emit& emit) override {
    const int byte = byte_of(token);
    if (byte >= 0) {
      run_ += static_cast<char>(static_cast<uint8_t>(byte));
      return;
    }
    finish(emit);
    emit(token);
  }
  void finish(const Emit& emit) override {
    if (run_.empty()) return;
    if (as_bytes_ || find_invalid_utf8(run_) == std::string_view::npos) {
      emit(run_);
    } else {
      for (size_t i = 0; i < run_.size(); ++i) emit(kReplacement);
    }
    run_.clear();
  }
  void pass_bytes() override { as_bytes_ = true; }

 private:
  static int byte_of(std::string_view token) {
    if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return -1;
    const auto digit = [](char c) {
      if (c >= '0' && c <= '9') return c - '0';
      if (c >= 'A' && c <= 'F') return c - 'A' + 10;
      return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    };
    if (token[3] == '+' && digit(token[4]) >= 0) return digit(token[4]);
    const int high = digit(token[3]);
    const int low = digit(token[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
  }

  std::string run_;
  bool as_bytes_ = false;
};

class ByteFallback final : public TokenDecoder<ByteFallbackStep> {
  std::unique_ptr<ByteFallbackStep> make_step() const override {
    return std::make_unique<ByteFallbackStep>();
  }
};

// Joins all tokens to one: nothing to do but to say so.
class Fuse final : public Decoder {
 public:
  bool add_steps(Steps&, bool) const override { return true; }
};

// Takes up to `start` characters off each token's front and up to `stop` off its back.
class StripStep final : public DecodeStep {
 public:
  StripStep(std::string content, size_t start, size_t stop)
      : content_(std::move(content)), start_(start), stop_(stop) {}
  void push(std::string_view token, const Emit& emit) override {
    const std::string_view whole = token;
    for (size_t i = 0; i < start_ && token.starts_with(content_); ++i) {
      token.remove_prefix(content_.size());
    }
    // The back is cut from the whole token: where the two cuts meet nothing is left.
    size_t back = 0;
    while (back < stop_ &&
           whole.substr(0, whole.size() - back * content_.size()).ends_with(content_)) {
      ++back;
    }
    const size_t cut = back * content_.size();
    emit(token.substr(0, token.size() > cut ? token.size() - cut : 0));
  }

 private:
  std::string content_;
  size_t start_;
  size_t stop_;
};

// The same on one token in fragments.
class StripFusedStep final : public DecodeStep {
 public:
  StripFusedStep(std::string content, size_t start, size_t stop)
      : content_(std::move(content)), start_(start), stop_(stop) {}
  void push(std::string_view fragment, const Emit& emit) override {
    if (fragment.empty()) return;
    held_ += fragment;
    size_t begin = 0;
    while (start_ > 0 && std::string_view(held_).substr(begin).starts_with(content_)) {
      begin += content_.size();
      --start_;
    }
    if (begin < held_.size()) start_ = 0;
    size_t end = held_.size();
    for (size_t i = 0; i < stop_ && end > begin; ++i) {
      if (!std::string_view(held_).substr(begin, end - begin).ends_with(content_)) break;
      end -= content_.size();
    }
    emit(std::string_view(held_).substr(begin, end - begin));
    held_.erase(0, end);  // characters that may yet be the last stay
  }

 private:
  std::string content_;
  size_t start_;
  size_t stop_;
  std::string held_;
};

class Strip final : public Decoder {
 public:
  explicit Strip(const Fields& fields)
      : start_(static_cast<size_t>(fields.integer("start", INT32_MAX))),
        stop_(static_cast<size_t>(fields.integer("stop", INT32_MAX))) {
    append_char(content_, fields.character("content"));
  }
  bool add_steps(Steps& steps, bool fused) const override {
    if (fused) {
      steps.push_back(std::make_unique<StripFusedStep>(content_, start_, stop_));
    } else {
      steps.push_back(std::make_unique<StripStep>(content_, start_, stop_));
    }
    return fused;
  }

 private:
  std::string content_;
  size_t start_;
  size_t stop_;
};

class ReplaceStep final : public DecodeStep {
 public:
  ReplaceStep(const Pattern& pattern, const std::string& content)
      : search_(pattern.search()), content_(content) {}
  void push(std::string_view token, const Emit& emit) override {
    search_->cut(token, cuts_);
    std::string out;
    for (const Cut& cut : cuts_) {
      out += cut.is_match ? std::string_view(content_)
                          : token.substr(cut.range.begin, cut.range.size());
    }
    emit(out);
  }

 private:
  std::unique_ptr<PatternSearch> search_;
  std::vector<Cut> cuts_;
  const std::string& content_;
};

class Replace final : public TokenDecoder<ReplaceStep> {
 public:
  Replace(const json& pattern, std::string content, std::string_view where)
      : pattern_(Pattern::from_json(pattern, where)), content_(std::move(content)) {}

 private:
  std::unique_ptr<ReplaceStep> make_step() const override {
    return std::make_unique<ReplaceStep>(*pattern_, content_);
  }
  std::unique_ptr<Pattern> pattern_;
  std::string content_;
};

class MetaspaceStep final : public DecodeStep {
 public:
  MetaspaceStep(std::string_view replacement, bool prefixed)
      : replacement_(replacement), drop_(prefixed) {}
  void push(std::string_view token, const Emit& emit) override {
    emit(replace_all(token, replacement_, std::exchange(drop_, false) ? "" : " "));
  }

 private:
  std::string_view replacement_;
  bool drop_;  // the first token's marks were put there by the pre-tokenizer
};

class Metaspace final : public TokenDecoder<MetaspaceStep> {
 public:
  explicit Metaspace(const Fields& fields)
      : prefixed_(fields.string("prepend_scheme", "always") != "never") {
    append_char(replacement_, fields.character("replacement"));
  }

 private:
  std::unique_ptr<MetaspaceStep> make_step() const override {
    return std::make_unique<MetaspaceStep>(replacement_, prefixed_);
  }
  std::string replacement_;
  bool prefixed_;
};

class WordPieceStep final : public DecodeStep {
 public:
  WordPieceStep(std::string_view prefix, bool cleanup) : prefix_(prefix), cleanup_(cleanup) {}
  void push(std::string_view token, const Emit& emit) override {
    std::string text;
    if (!std::exchange(first_, false)) {
      if (token.starts_with(prefix_)) {
        token.remove_prefix(prefix_.size());
      } else {
        text = ' ';
      }
    }
    text += token;
    emit(cleanup_ ? clean_up(std::move(text)) : text);
  }

 private:
  std::string_view prefix_;
  bool cleanup_;
  bool first_ = true;
};

class WordPiece final : public TokenDecoder<WordPieceStep> {
 public:
  explicit WordPiece(const Fields& fields)
      : prefix_(fields.string("prefix")), cleanup_(fields.boolean("cleanup")) {}

 private:
  std::unique_ptr<WordPieceStep> make_step() const override {
    return std::make_unique<WordPieceStep>(prefix_, cleanup_);
  }
  std::string prefix_;
  bool cleanup_;
};

// A word's end becomes a space, the last one's nothing: each token waits for the next.
class BpeStep final : public DecodeStep {
 public:
  explicit BpeStep(std::string_view suffix) : suffix_(suffix) {}
  void push(std::string_view token, const Emit& emit) override {
    if (waiting_) emit(replace_all(last_, suffix_, " "));
    last_ = token;
    waiting_ = true;
  }
  void finish(const Emit& emit) override {
    if (waiting_) emit(replace_all(last_, suffix_, ""));
    waiting_ = false;
  }

 private:
  std::string_view suffix_;
  std::string last_;
  bool waiting_ = false;
};

class Bpe final : public TokenDecoder<BpeStep> {
 public:
  explicit Bpe(std::string suffix) : suffix_(std::move(suffix)) {}

 private:
  std::unique_ptr<BpeStep> make_step() const override { return std::make_unique<BpeStep>(suffix_); }
  std::string suffix_;
};

class CtcStep final : public DecodeStep {
 public:
  CtcStep(std::string_view pad, std::string_view delimiter, bool cleanup)
      : pad_(pad), delimiter_(delimiter), cleanup_(cleanup) {}
  void push(std::string_view token, const Emit& emit) override {
    if (!std::exchange(first_, false) && token == last_) return;
    last_ = token;
    std::string text = replace_all(token, pad_, "");
    if (cleanup_) text = replace_all(clean_up(std::move(text)), delimiter_, " ");
    if (!text.empty()) emit(text);
  }

 private:
  std::string_view pad_;
  std::string_view delimiter_;
  bool cleanup_;
  bool first_ = true;
  std::string last_;
};

class Ctc final : public TokenDecoder<CtcStep> {
 public:
  explicit Ctc(const Fields& fields)
      : pad_(fields.string("pad_token")),
        delimiter_(fields.string("word_delimiter_token")),
        cleanup_(fields.boolean("cleanup")) {}

 private:
  std::unique_ptr<CtcStep> make_step() const override {
    return std::make_unique<CtcStep>(pad_, delimiter_, cleanup_);
  }
  std::string pad_;
  std::string delimiter_;
  bool cleanup_;
};

class Sequence final : public Decoder {
 public:
  Sequence(const json& list, std::string_view where) {
    for (const json& item : list) parts_.push_back(make_decoder(item, where));
  }
  bool add_steps(Steps& steps, bool fused) const override {
    for (const auto& part : parts_) fused = part->add_steps(steps, fused);
    return fused;
  }

 private:
  std::vector<std::unique_ptr<Decoder>> parts_;
};

}  // namespace

std::unique_ptr<Decoder> make_decoder(const json& value, std::string_view where) {
  if (value.is_null()) return std::make_unique<Join>();
  const std::string type = Fields(value, where).string("type");
  const std::string inner = fmt::format("{}: {}", where, type);
  const Fields fields(value, inner);
  if (type == "Sequence") return std::make_unique<Sequence>(fields.array("decoders"), inner);
  if (type == "ByteLevel") return std::make_unique<ByteLevel>();
  if (type == "ByteFallback") return std::make_unique<ByteFallback>();
  if (type == "Fuse") return std::make_unique<Fuse>();
  if (type == "Strip") return std::make_unique<Strip>(fields);
  if (type == "Replace") {
    return std::make_unique<Replace>(fields.at("pattern"), fields.string("content"), inner);
  }
  if (type == "Metaspace") return std::make_unique<Metaspace>(fields);
  if (type == "WordPiece") return std::make_unique<WordPiece>(fields);
  if (type == "BPEDecoder") return std::make_unique<Bpe>(fields.string("suffix", "</w>"));
  if (type == "CTC") return std::make_unique<Ctc>(fields);
  fail(ErrorCode::unsupported, "{}: unknown decoder \"{}\"", where, type);
}

Decoding::Decoding(const Decoder& decoder, Output output) {
  decoder.add_steps(steps_, false);
  if (output == Output::bytes) {
    for (const auto& step : steps_) step->pass_bytes();
  }
}

void Decoding::push_from(size_t step, std::string_view token, std::string& out) {
  if (step == steps_.size()) {
    out += token;
    return;
  }
  steps_[step]->push(token, [&](std::string_view result) { push_from(step + 1, result, out); });
}

void Decoding::push(std::string_view token, std::string& out) { push_from(0, token, out); }

void Decoding::finish(std::string& out) {
  for (size_t step = 0; step < steps_.size(); ++step) {
    steps_[step]->finish([&](std::string_view result) { push_from(step + 1, result, out); });
  }
}

}  // namespace tarn::text
