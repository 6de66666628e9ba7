// What the tests of the output parser share: cases from a file, and events put together again.
#pragma once

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tarn/base/file.h"
#include "tarn/base/json.h"
#include "tarn/text/chat/output_parser.h"

namespace tarn::text {

struct ParsedCall {
  std::string id, name, arguments;
  bool known = true;
  bool ended = false;
  bool operator==(const ParsedCall&) const = default;
};

struct Parsed {
  std::string reasoning, content;
  std::vector<ParsedCall> calls;
  bool operator==(const Parsed&) const = default;
};

inline std::ostream& operator<<(std::ostream& out, const Parsed& parsed) {
  out << "reasoning <" << parsed.reasoning << "> content <" << parsed.content << ">";
  for (const ParsedCall& call : parsed.calls) {
    out << "\n  " << call.id << " " << call.name << " " << call.arguments << " " << call.known;
  }
  return out;
}

inline void PrintTo(const OutputEvent& event, std::ostream* out) {
  *out << static_cast<int>(event.kind) << " <" << event.text << "> " << event.index << " "
       << event.id << " " << event.name << " " << event.known;
}

// Checks what every series of events promises.
inline Parsed put_together(const std::vector<OutputEvent>& events) {
  using Kind = OutputEvent::Kind;
  Parsed parsed;
  for (const OutputEvent& event : events) {
    const bool of_call = event.kind == Kind::call_arguments || event.kind == Kind::call_end;
    EXPECT_EQ(of_call, !parsed.calls.empty() && !parsed.calls.back().ended);
    if (of_call) {
      EXPECT_EQ(event.index + 1, parsed.calls.size());
    }
    switch (event.kind) {
      case Kind::reasoning:
        EXPECT_FALSE(event.text.empty());
        parsed.reasoning += event.text;
        break;
      case Kind::content:
        EXPECT_FALSE(event.text.empty());
        parsed.content += event.text;
        break;
      case Kind::call_begin:
        EXPECT_EQ(event.index, parsed.calls.size());
        parsed.calls.push_back({event.id, event.name, "", event.known, false});
        break;
      case Kind::call_arguments:
        parsed.calls.back().arguments += event.text;
        break;
      case Kind::call_end:
        parsed.calls.back().ended = true;
        EXPECT_TRUE(parse_ordered_json(parsed.calls.back().arguments, "arguments").is_object());
        break;
    }
  }
  EXPECT_TRUE(parsed.calls.empty() || parsed.calls.back().ended);
  return parsed;
}

inline std::function<std::string()> numbered_ids() {
  return [n = 0]() mutable { return "id" + std::to_string(n++); };
}

inline Parsed parse_pieces(const OutputSyntax& syntax, const ordered_json& tools,
                           OutputOptions options, const std::vector<std::string>& pieces) {
  if (!options.make_id) options.make_id = numbered_ids();
  OutputParser parser(syntax, tools, std::move(options));
  std::vector<OutputEvent> events;
  for (const std::string& piece : pieces) parser.push(piece, events);
  parser.finish(events);
  return put_together(events);
}

// The whole, single bytes, each pair of pieces, and pieces of random sizes give the same.
inline void expect_parsed(const OutputSyntax& syntax, const ordered_json& tools,
                          const OutputOptions& options, const std::string& text,
                          const Parsed& expected) {
  const auto check = [&](const std::vector<std::string>& pieces, const char* how, size_t n) {
    const Parsed parsed = parse_pieces(syntax, tools, options, pieces);
    EXPECT_EQ(parsed, expected) << how << " " << n;
    return parsed == expected;
  };
  if (!check({text}, "whole", 0)) return;
  std::vector<std::string> bytes;
  for (const char c : text) bytes.emplace_back(1, c);
  if (!check(bytes, "single bytes", 0)) return;
  for (size_t cut = 1; cut < text.size(); ++cut) {
    if (!check({text.substr(0, cut), text.substr(cut)}, "cut at", cut)) return;
  }
  std::mt19937 random(7);
  for (size_t round = 0; round < 20; ++round) {
    std::vector<std::string> pieces;
    for (size_t begin = 0; begin < text.size(); begin += pieces.back().size()) {
      pieces.push_back(text.substr(begin, 1 + random() % 12));
    }
    if (!check(pieces, "random", round)) return;
  }
}

inline ordered_json test_tools() {
  const std::string path = TARN_TEST_DATA "/tool_calls/tools.json";
  return parse_ordered_json(read_file(path), path);
}

}  // namespace tarn::text
