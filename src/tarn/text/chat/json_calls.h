// Calls that are JSON objects, alone or in an array. Internal to text/chat.
#pragma once

#include "tarn/text/chat/call_reader.h"
#include "tarn/text/chat/json_scanner.h"

namespace tarn::text {

enum class CallShape : uint8_t {
  name_and_arguments,        // {"name": .., "arguments": {..}}, also tool_name, parameters
  name_and_maybe_arguments,  // a call without arguments may leave them out
  name_is_key,               // {NAME: {..}}
};

// The call that an object is, if it is one. `object` has scanned it, from `begin` of `text` on.
std::optional<ToolCall> call_of_object(std::string_view text, const JsonScanner& object,
                                       size_t begin, CallShape shape);

// An object, or an array of objects; a fence (```json) may stand around either.
class JsonCallsReader : public CallReader {
 public:
  struct Syntax {
    std::string_view close;  // needed behind a lone object, may be missing behind an array
    bool arrays = true;
    char separator = 0;  // between lone objects, where no marker closes them
    CallShape shape = CallShape::name_and_maybe_arguments;
  };
  explicit JsonCallsReader(const Syntax& syntax) : syntax_(syntax) {}

 protected:
  Status step() override;

 private:
  enum class At : uint8_t { start, item, object, separator, end, over };
  Stop start_value();
  void begin_object();
  Stop read_object();
  Status read_end();
  Status finish();

  Syntax syntax_;
  At at_ = At::start;
  bool fenced_ = false;
  bool in_array_ = false;
  size_t object_begin_ = 0;
  JsonScanner scanner_;
};

}  // namespace tarn::text
