// Calls that write a name, then its arguments as a JSON object. Internal to text/chat.
#pragma once

#include "tarn/text/chat/call_reader.h"
#include "tarn/text/chat/json_calls.h"
#include "tarn/text/chat/json_scanner.h"

namespace tarn::text {

// What the readers of this file share: the object behind the name.
class NamedCallReader : public CallReader {
 protected:
  // At the object, white space before it. Fills call_.arguments.
  Stop read_arguments();

 private:
  bool in_object_ = false;
  size_t object_begin_ = 0;
  JsonScanner scanner_;
};

// CALL_BEGIN function SEP NAME \n ```json {..} ``` CALL_END, or CALL_BEGIN NAME SEP {..} CALL_END;
// any number of them, then CALLS_END.
class DeepSeekReader : public NamedCallReader {
 public:
  explicit DeepSeekReader(bool in_call) : at_(in_call ? At::head : At::call) {}

 protected:
  Status step() override;

 private:
  enum class At : uint8_t { call, head, separated, name, fence, arguments, fence_end, end, over };
  Stop advance();
  Stop read_call_or_end();
  Stop choose_form();

  At at_;
  bool fenced_ = false;
  size_t calls_ = 0;
};

// CALL_BEGIN functions.NAME:INDEX ARGUMENTS_BEGIN {..} CALL_END, any number of them, SECTION_END.
class KimiReader : public NamedCallReader {
 protected:
  Status step() override;

 private:
  enum class At : uint8_t { call, name, arguments, end };
  At at_ = At::call;
  size_t calls_ = 0;
};

// [{..}, ..], or NAME [CALL_ID] ID [ARGS] {..}, ID and both markers optional.
class MistralReader : public NamedCallReader {
 protected:
  Status step() override;

 private:
  enum class At : uint8_t { start, list, name, id, arguments, over };
  Stop advance();
  Stop choose_form();
  Stop read_head();
  Stop read_id();
  Status read_list();

  At at_ = At::start;
  JsonCallsReader list_{JsonCallsReader::Syntax{}};
  size_t list_begin_ = 0;
};

// NAME \n {..}; `all` stands for content that follows.
class FunctionaryReader : public NamedCallReader {
 protected:
  Status step() override;

 private:
  enum class At : uint8_t { name, arguments, over };
  At at_ = At::name;
};

}  // namespace tarn::text
