// What OutputParser drives: one engine for formats with markers, one for harmony's channels.
// Internal to text/chat.
#pragma once

#include "tarn/text/chat/call_reader.h"
#include "tarn/text/chat/output_parser.h"
#include "tarn/text/chat/tool_table.h"

namespace tarn::text {

class OutputParser::Engine {
 public:
  Engine(const OutputSyntax& syntax, const nlohmann::ordered_json& tools, OutputOptions options);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  virtual ~Engine() = default;

  void push(std::string_view piece, std::vector<OutputEvent>& events);
  void finish(std::vector<OutputEvent>& events);
  virtual bool in_reasoning() const = 0;

 protected:
  // Reads what is pending as far as it can, and moves begin_ behind what it has dealt with.
  virtual void advance(bool finished) = 0;

  std::string_view pending() const { return std::string_view(buffer_).substr(begin_); }
  void emit(OutputEvent::Kind kind, std::string_view text);
  void emit_call(ToolCall&& call);

  OutputSyntax syntax_;
  ToolTable tools_;
  OutputOptions options_;
  size_t begin_ = 0;  // of what is pending, in the buffer

 private:
  std::string buffer_;
  std::vector<OutputEvent>* events_ = nullptr;  // during push and finish
  size_t first_event_ = 0;                      // of this push
  size_t calls_ = 0;
};

std::unique_ptr<OutputParser::Engine> make_marker_engine(const OutputSyntax& syntax,
                                                         const nlohmann::ordered_json& tools,
                                                         OutputOptions options);
std::unique_ptr<OutputParser::Engine> make_harmony_engine(const OutputSyntax& syntax,
                                                          const nlohmann::ordered_json& tools,
                                                          OutputOptions options);

// Where `text` has the first of some markers from `begin` on.
struct MarkerMatch {
  size_t position;  // of the marker; text.size(): there is none
  size_t marker;    // which; markers.size(): the text ends inside of it
};
MarkerMatch find_marker(std::string_view text, const std::vector<std::string>& markers,
                        size_t begin);

}  // namespace tarn::text
