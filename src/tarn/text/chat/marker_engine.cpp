// Reads output in which markers set reasoning and calls apart from content.
#include <algorithm>

#include "tarn/text/chat/output_engine.h"

namespace tarn::text {
namespace {

constexpr std::string_view white_space = " \t\r\n";

size_t leading_space(std::string_view text) {
  return std::min(text.find_first_not_of(white_space), text.size());
}

// Behind the tag that closes an answer: it is one only where nothing follows.
class AnswerEndReader : public CallReader {
 protected:
  Status step() override {
    skip_space();
    if (position_ < text_.size()) return Status::rejected;
    return finished_ ? Status::done : Status::more;
  }
};

class MarkerEngine : public OutputParser::Engine {
 public:
  MarkerEngine(const OutputSyntax& syntax, const nlohmann::ordered_json& tools,
               OutputOptions options)
      : Engine(syntax, tools, std::move(options)) {
    if (options_.parse_tools) sections_ = call_sections(syntax.tools);
    if (!syntax_.reasoning.answer_close.empty()) {
      sections_.push_back({syntax_.reasoning.answer_close, {}, true, [](const ToolTable&) {
                             return std::unique_ptr<CallReader>(new AnswerEndReader());
                           }});
    }
    for (const CallSection& section : sections_) {
      if (!section.open.empty()) {
        content_markers_.push_back(section.open);
        marked_sections_.push_back(&section);
      }
    }
    // Kimi may go from its reasoning straight to calls.
    if (syntax.tools == ToolFormat::kimi) reasoning_markers_ = content_markers_;
    reasoning_markers_.push_back(syntax_.reasoning.close);  // the last
  }

  bool in_reasoning() const override {
    return state_ == State::reasoning || (state_ == State::start && options_.in_reasoning);
  }

 protected:
  void advance(bool finished) override {
    while (step(finished)) {
    }
  }

 private:
  enum class State : uint8_t { start, reasoning, answer_start, content, call };

  // Each returns whether there is more to do with what is pending.
  bool step(bool finished);
  bool read_start(bool finished);
  bool read_answer_start(bool finished);
  bool read_text(OutputEvent::Kind kind, const std::vector<std::string>& markers, bool finished);
  bool read_call(bool finished);

  bool open_bare_section();
  void open_section(const CallSection& section, size_t begin);
  void reject_call(size_t end);
  void enter(State state);
  void emit_text(OutputEvent::Kind kind, std::string_view text);

  std::vector<CallSection> sections_;
  std::vector<const CallSection*> marked_sections_;
  std::vector<std::string> content_markers_;
  std::vector<std::string> reasoning_markers_;

  State state_ = State::start;
  bool fresh_ = true;   // next to a marker: white space is dropped
  bool begun_ = false;  // the answer has content or calls
  size_t scanned_ = 0;  // of what is pending: no marker begins before
  const CallSection* section_ = nullptr;
  std::unique_ptr<CallReader> reader_;
  size_t reader_begin_ = 0;  // of what is pending: where the reader's text begins
  size_t taken_ = 0;         // of what is pending: what the calls so far are made of
};

bool MarkerEngine::step(bool finished) {
  switch (state_) {
    case State::start:
      return read_start(finished);
    case State::reasoning:
      return read_text(OutputEvent::Kind::reasoning, reasoning_markers_, finished);
    case State::answer_start:
      return read_answer_start(finished);
    case State::content:
      return read_text(OutputEvent::Kind::content, content_markers_, finished);
    case State::call:
      return read_call(finished);
  }
  return false;
}

void MarkerEngine::enter(State state) {
  state_ = state;
  fresh_ = true;
  scanned_ = 0;
}

// Only a tag at the very beginning opens reasoning. A model may also repeat the one that its prompt
// ended with, opening or closing.
bool MarkerEngine::read_start(bool finished) {
  const ReasoningTags& tags = syntax_.reasoning;
  const State otherwise = options_.in_reasoning ? State::reasoning : State::answer_start;
  const size_t space = leading_space(pending());
  const std::string_view rest = pending().substr(space);
  if (rest.starts_with(tags.open)) {
    begin_ += space + tags.open.size();
    enter(State::reasoning);
  } else if (rest.starts_with(tags.close)) {
    begin_ += space + tags.close.size();
    enter(State::answer_start);
  } else if (!finished && (tags.open.starts_with(rest) || tags.close.starts_with(rest))) {
    return false;
  } else {
    enter(otherwise);
  }
  return true;
}

bool MarkerEngine::read_answer_start(bool finished) {
  const std::string& tag = syntax_.reasoning.answer_open;
  const size_t space = leading_space(pending());
  const std::string_view rest = pending().substr(space);
  if (!tag.empty() && rest.starts_with(tag)) {
    begin_ += space + tag.size();
  } else if (!tag.empty() && !finished && tag.starts_with(rest)) {
    return false;
  }
  enter(State::content);
  return true;
}

bool MarkerEngine::read_text(OutputEvent::Kind kind, const std::vector<std::string>& markers,
                             bool finished) {
  if (fresh_) {
    begin_ += leading_space(pending());
    scanned_ = 0;
  }
  const std::string_view text = pending();
  if (text.empty()) return false;
  if (state_ == State::content && open_bare_section()) return true;

  const MarkerMatch match = find_marker(text, markers, scanned_);
  const bool found = match.marker < markers.size();
  if (!found && finished) {
    emit_text(kind, text);
    begin_ += text.size();
    return false;
  }
  // What has been scanned before and is still here is white space.
  size_t shown = text.substr(scanned_, match.position - scanned_).find_last_not_of(white_space);
  shown = shown == std::string_view::npos ? 0 : scanned_ + shown + 1;
  emit_text(kind, text.substr(0, shown));
  begin_ += shown;
  scanned_ = match.position - shown;
  if (!found) return false;

  if (state_ == State::reasoning && match.marker + 1 == markers.size()) {
    begin_ += scanned_ + markers.back().size();
    enter(State::answer_start);
  } else {
    open_section(*marked_sections_[match.marker], scanned_);
  }
  return true;
}

// In formats without a marker the shape of the whole answer says that it is a call.
bool MarkerEngine::open_bare_section() {
  if (begun_) return false;
  begun_ = true;
  for (const CallSection& section : sections_) {
    if (section.open.empty() && section.first_bytes.find(pending()[0]) != std::string::npos) {
      open_section(section, 0);
      return true;
    }
  }
  return false;
}

// begin: of its marker; white space may stand before it.
void MarkerEngine::open_section(const CallSection& section, size_t begin) {
  begun_ = true;
  state_ = State::call;
  section_ = &section;
  reader_ = section.make_reader(tools_);
  reader_begin_ = begin + section.open.size();
  taken_ = 0;
}

bool MarkerEngine::read_call(bool finished) {
  const CallReader::Status status = reader_->read(pending().substr(reader_begin_), finished);
  const size_t end = reader_begin_ + reader_->position();
  switch (status) {
    case CallReader::Status::more:
      if (finished) reject_call(pending().size());
      return finished;
    case CallReader::Status::rejected:
      reject_call(end);
      return true;
    case CallReader::Status::done:
      begin_ += end;
      enter(State::content);
      return true;
    case CallReader::Status::call:
      break;
  }
  ToolCall call = reader_->take_call();
  if (!section_->marked && !tools_.knows(call.name)) {
    reject_call(end);
    return true;
  }
  emit_call(std::move(call));
  taken_ = end;
  return true;
}

// What is pending up to `end` is content, but for the calls that were taken from it.
void MarkerEngine::reject_call(size_t end) {
  begin_ += taken_;
  end -= taken_;
  enter(State::content);
  fresh_ = taken_ > 0;
  if (fresh_) {
    const size_t space = leading_space(pending());
    begin_ += space;
    end = std::max(end, space) - space;
  }
  const std::string_view text = pending().substr(0, end);
  const size_t last = text.find_last_not_of(white_space);
  const size_t shown = last == std::string_view::npos ? 0 : last + 1;
  emit_text(OutputEvent::Kind::content, text.substr(0, shown));
  begin_ += shown;
  scanned_ = text.size() - shown;
}

void MarkerEngine::emit_text(OutputEvent::Kind kind, std::string_view text) {
  if (text.empty()) return;
  fresh_ = false;
  emit(kind, text);
}

}  // namespace

std::unique_ptr<OutputParser::Engine> make_marker_engine(const OutputSyntax& syntax,
                                                         const nlohmann::ordered_json& tools,
                                                         OutputOptions options) {
  return std::make_unique<MarkerEngine>(syntax, tools, std::move(options));
}

}  // namespace tarn::text
