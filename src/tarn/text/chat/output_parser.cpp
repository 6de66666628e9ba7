#include "tarn/text/chat/output_parser.h"

#include <algorithm>
#include <random>

#include "tarn/text/chat/output_engine.h"

namespace tarn::text {
namespace {

constexpr std::string_view letters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

bool is_mistral_id(std::string_view id) {
  return id.size() == 9 && id.find_first_not_of(letters) == std::string_view::npos;
}

// Ids tell calls of one conversation apart; nobody gains by guessing one.
std::function<std::string()> random_ids(ToolFormat format) {
  std::random_device device;
  const uint64_t seed = (static_cast<uint64_t>(device()) << 32U) | device();
  return [format, random = std::mt19937_64(seed)]() mutable {
    return call_id(format, [&] { return random(); });
  };
}

}  // namespace

std::string call_id(ToolFormat format, const std::function<uint64_t()>& next) {
  const bool mistral = format == ToolFormat::mistral;
  std::string id = mistral ? "" : "call_";
  for (int i = 0; i < (mistral ? 9 : 24); ++i) id += letters[next() % letters.size()];
  return id;
}

OutputParser::Engine::Engine(const OutputSyntax& syntax, const nlohmann::ordered_json& tools,
                             OutputOptions options)
    : syntax_(syntax), tools_(tools), options_(std::move(options)) {
  if (!options_.make_id) options_.make_id = random_ids(syntax.tools);
}

void OutputParser::Engine::push(std::string_view piece, std::vector<OutputEvent>& events) {
  buffer_ += piece;
  events_ = &events;
  first_event_ = events.size();
  advance(false);
  buffer_.erase(0, begin_);
  begin_ = 0;
}

void OutputParser::Engine::finish(std::vector<OutputEvent>& events) {
  events_ = &events;
  first_event_ = events.size();
  advance(true);
  buffer_.clear();
  begin_ = 0;
}

void OutputParser::Engine::emit(OutputEvent::Kind kind, std::string_view text) {
  if (text.empty()) return;
  if (events_->size() > first_event_ && events_->back().kind == kind) {
    events_->back().text += text;
    return;
  }
  OutputEvent& event = events_->emplace_back();
  event.kind = kind;
  event.text = text;
}

void OutputParser::Engine::emit_call(ToolCall&& call) {
  const bool own_id = syntax_.tools == ToolFormat::kimi ||
                      (syntax_.tools == ToolFormat::mistral && is_mistral_id(call.id));
  OutputEvent begin;
  begin.kind = OutputEvent::Kind::call_begin;
  begin.index = calls_;
  begin.id = own_id && !call.id.empty() ? std::move(call.id) : options_.make_id();
  begin.known = tools_.knows(call.name);
  begin.name = std::move(call.name);
  events_->push_back(std::move(begin));
  OutputEvent arguments;
  arguments.kind = OutputEvent::Kind::call_arguments;
  arguments.index = calls_;
  arguments.text = std::move(call.arguments);
  events_->push_back(std::move(arguments));
  OutputEvent end;
  end.kind = OutputEvent::Kind::call_end;
  end.index = calls_++;
  events_->push_back(std::move(end));
}

MarkerMatch find_marker(std::string_view text, const std::vector<std::string>& markers,
                        size_t begin) {
  std::string first_bytes;
  for (const std::string& marker : markers) first_bytes += marker.front();
  for (size_t i = begin; (i = text.find_first_of(first_bytes, i)) != std::string_view::npos; ++i) {
    const std::string_view rest = text.substr(i);
    bool open = false;
    for (size_t m = 0; m < markers.size(); ++m) {
      if (rest.starts_with(markers[m])) return {i, m};
      open |= std::string_view(markers[m]).starts_with(rest);
    }
    if (open) return {i, markers.size()};
  }
  return {text.size(), markers.size()};
}

OutputParser::OutputParser(const OutputSyntax& syntax, const nlohmann::ordered_json& tools,
                           OutputOptions options)
    : engine_(syntax.tools == ToolFormat::harmony
                  ? make_harmony_engine(syntax, tools, std::move(options))
                  : make_marker_engine(syntax, tools, std::move(options))) {}

OutputParser::~OutputParser() = default;
OutputParser::OutputParser(OutputParser&&) noexcept = default;
OutputParser& OutputParser::operator=(OutputParser&&) noexcept = default;

void OutputParser::push(std::string_view piece, std::vector<OutputEvent>& events) {
  engine_->push(piece, events);
}

void OutputParser::finish(std::vector<OutputEvent>& events) { engine_->finish(events); }

bool OutputParser::in_reasoning() const { return engine_->in_reasoning(); }

}  // namespace tarn::text
