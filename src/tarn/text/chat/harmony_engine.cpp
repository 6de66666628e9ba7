// Reads gpt-oss's output, a series of messages:
//   <|start|>ROLE[ to=RECIPIENT]<|channel|>CHANNEL[ to=RECIPIENT][ <|constrain|>TYPE]<|message|>
//   BODY<|end|>, <|call|> or <|return|>
// The prompt has written the first <|start|> and role. See OpenAI's "harmony response format".
#include <algorithm>

#include "tarn/text/chat/named_calls.h"
#include "tarn/text/chat/output_engine.h"

namespace tarn::text {
namespace {

constexpr size_t longest_header = 1024;  // bytes
constexpr std::string_view message_marker = "<|message|>";
constexpr std::string_view channel_marker = "<|channel|>";

const std::vector<std::string>& header_openers() {
  static const std::vector<std::string> openers = {"<|start|>", "<|channel|>", "<|message|>",
                                                   "to="};
  return openers;
}

// What ends a body; the last two belong to the next header.
const std::vector<std::string>& body_ends() {
  static const std::vector<std::string> ends = {"<|end|>", "<|call|>", "<|return|>", "<|start|>",
                                                "<|channel|>"};
  return ends;
}
bool opens_header(size_t end) { return end >= 3; }

// `key` and what follows it up to white space or a marker; empty: it is not there.
std::string_view field(std::string_view header, std::string_view key) {
  const size_t begin = header.find(key);
  if (begin == std::string_view::npos) return {};
  const std::string_view rest = header.substr(begin + key.size());
  return rest.substr(0, rest.find_first_of(" \t\r\n<"));
}

// The body of a message to a function.
class BodyReader : public NamedCallReader {
 protected:
  Status step() override {
    if (!complete_) {
      if (const Stop stop = read_arguments()) return *stop;
      complete_ = true;
    }
    skip_space();
    const std::string_view rest = text_.substr(position_);
    if (rest.empty() && finished_) return Status::call;
    bool open = false;
    for (size_t i = 0; i < body_ends().size(); ++i) {
      const std::string& end = body_ends()[i];
      if (rest.starts_with(end)) {
        if (!opens_header(i)) position_ += end.size();
        return Status::call;
      }
      open |= end.starts_with(rest);
    }
    if (!open) return Status::rejected;
    if (!finished_) return Status::more;
    position_ = text_.size();
    return Status::call;
  }

 private:
  bool complete_ = false;
};

class HarmonyEngine : public OutputParser::Engine {
 public:
  HarmonyEngine(const OutputSyntax& syntax, const nlohmann::ordered_json& tools,
                OutputOptions options)
      : Engine(syntax, tools, std::move(options)) {
    if (options_.in_reasoning) open_body(OutputEvent::Kind::reasoning);
  }

  bool in_reasoning() const override {
    return state_ == State::body && kind_ == OutputEvent::Kind::reasoning;
  }

 protected:
  void advance(bool finished) override {
    while (step(finished)) {
    }
  }

 private:
  enum class State : uint8_t { between, header, body, call };

  bool step(bool finished);
  bool read_between(bool finished);
  bool read_header(bool finished);
  bool read_body(bool finished);
  bool read_call(bool finished);
  void open_body(OutputEvent::Kind kind);
  void reject_call(size_t end);
  void emit_text(std::string_view text);

  State state_ = State::between;
  OutputEvent::Kind kind_ = OutputEvent::Kind::content;
  bool spoke_[2] = {false, false};  // there has been reasoning, content
  bool new_message_ = false;
  std::string tool_;
  std::unique_ptr<BodyReader> reader_;
  size_t header_size_ = 0;
};

bool HarmonyEngine::step(bool finished) {
  switch (state_) {
    case State::between:
      return read_between(finished);
    case State::header:
      return read_header(finished);
    case State::body:
      return read_body(finished);
    case State::call:
      return read_call(finished);
  }
  return false;
}

// Text without a header is content: the prompt may have written the header.
bool HarmonyEngine::read_between(bool finished) {
  const size_t space = std::min(pending().find_first_not_of(" \t\r\n"), pending().size());
  const std::string_view rest = pending().substr(space);
  for (const std::string& opener : header_openers()) {
    if (rest.starts_with(opener)) {
      begin_ += space;
      state_ = State::header;
      return true;
    }
    if (!finished && opener.starts_with(rest)) return false;
  }
  if (rest.empty()) {
    begin_ += space;
    return false;
  }
  open_body(OutputEvent::Kind::content);
  return true;
}

bool HarmonyEngine::read_header(bool finished) {
  const std::string_view window = pending().substr(0, longest_header);
  const size_t end = window.find(message_marker);
  if (end == std::string_view::npos) {
    if (window.size() == longest_header) {
      open_body(OutputEvent::Kind::content);
      emit_text(window);
      begin_ += window.size();
      return true;
    }
    // The beginning of a header says nothing, unless it was to be a call.
    if (finished) {
      const bool plain = window.size() <= 64 && window.find_first_of(" \n") == window.npos;
      if (!plain) reject_call(window.size());
      begin_ += pending().size();
    }
    return false;
  }
  const std::string_view header = window.substr(0, end);
  const std::string_view recipient = field(header, "to=");
  header_size_ = end + message_marker.size();
  if (!recipient.empty() && recipient != "user" && recipient != "assistant") {
    tool_ = recipient.starts_with("functions.") ? recipient.substr(10) : recipient;
    reader_ = std::make_unique<BodyReader>();
    state_ = State::call;
    if (!options_.parse_tools || tool_.empty()) reject_call(header_size_);
    return true;
  }
  begin_ += header_size_;
  open_body(field(header, channel_marker) == "analysis" ? OutputEvent::Kind::reasoning
                                                        : OutputEvent::Kind::content);
  return true;
}

void HarmonyEngine::open_body(OutputEvent::Kind kind) {
  state_ = State::body;
  kind_ = kind;
  new_message_ = true;
}

bool HarmonyEngine::read_body(bool finished) {
  const std::string_view text = pending();
  const MarkerMatch match = find_marker(text, body_ends(), 0);
  const bool found = match.marker < body_ends().size();
  const size_t shown = finished && !found ? text.size() : match.position;
  emit_text(text.substr(0, shown));
  begin_ += shown;
  if (!found) return false;
  state_ = State::between;
  if (!opens_header(match.marker)) begin_ += body_ends()[match.marker].size();
  return true;
}

bool HarmonyEngine::read_call(bool finished) {
  const CallReader::Status status = reader_->read(pending().substr(header_size_), finished);
  const size_t end = header_size_ + reader_->position();
  if (status == CallReader::Status::call) {
    ToolCall call = reader_->take_call();
    call.name = tool_;
    emit_call(std::move(call));
    begin_ += end;
    state_ = State::between;
    return true;
  }
  if (status == CallReader::Status::more) {
    if (finished) reject_call(pending().size());
    return finished;
  }
  reject_call(end);
  return true;
}

void HarmonyEngine::reject_call(size_t end) {
  open_body(OutputEvent::Kind::content);
  emit_text(pending().substr(0, end));
  begin_ += end;
}

// Messages of one kind are paragraphs of it.
void HarmonyEngine::emit_text(std::string_view text) {
  if (text.empty()) return;
  bool& spoke = spoke_[kind_ == OutputEvent::Kind::content ? 1 : 0];
  if (new_message_ && spoke) emit(kind_, "\n\n");
  new_message_ = false;
  spoke = true;
  emit(kind_, text);
}

}  // namespace

std::unique_ptr<OutputParser::Engine> make_harmony_engine(const OutputSyntax& syntax,
                                                          const nlohmann::ordered_json& tools,
                                                          OutputOptions options) {
  return std::make_unique<HarmonyEngine>(syntax, tools, std::move(options));
}

}  // namespace tarn::text
