// Calls whose parameters stand in tags, as text. Internal to text/chat.
#pragma once

#include "tarn/text/chat/call_reader.h"

namespace tarn::text {

// White space may stand between any two of these.
struct XmlSyntax {
  std::string_view call_open;  // before a name; empty: nothing, and one call a section
  std::string_view name_end;   // behind it; empty: the name ends at white space or at a tag
  std::string_view key_open;
  std::string_view key_end;
  std::string_view value_open;  // empty: key_end opens the value
  std::string_view value_end;
  std::string_view call_close;
  std::string_view section_close;
  bool line_breaks = false;  // one stands at either end of a value and is not part of it
  bool string_attribute =
      false;  // key_end is followed by true"> or false">: whether it is a string
};

class XmlCallsReader : public CallReader {
 public:
  // in_call: the opening marker of the section was call_open itself.
  XmlCallsReader(const XmlSyntax& syntax, const ToolTable& tools, bool in_call = false)
      : syntax_(syntax), tools_(tools), at_(in_call ? At::name : At::call) {}

 protected:
  Status step() override;

 private:
  enum class At : uint8_t { call, name, key_or_end, key, value_open, value, over };
  Stop read_call_or_end();
  Stop read_tool_name();
  Stop read_key_or_end();
  Stop read_key();
  Stop open_value();
  Stop read_value();
  std::optional<bool> value_ends_at(size_t end);
  bool add_argument(std::string_view text);

  XmlSyntax syntax_;
  const ToolTable& tools_;
  At at_;
  size_t calls_ = 0;
  std::string key_;
  bool as_string_ = false;
  size_t search_ = 0;  // from where to look for the end of a value
  size_t behind_ = 0;  // the first byte behind that end which is no white space
};

}  // namespace tarn::text
