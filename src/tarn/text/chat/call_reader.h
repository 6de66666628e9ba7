// Readers of tool calls: each reads what follows the marker that opens a section of calls, as far
// as it has arrived. Internal to text/chat.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tarn/text/chat/tool_format.h"
#include "tarn/text/chat/tool_table.h"

namespace tarn::text {

struct ToolCall {
  std::string name;
  std::string arguments;  // one valid JSON object
  std::string id;         // empty: the model wrote none that can serve
};

class CallReader {
 public:
  enum class Status : uint8_t {
    more,      // everything so far fits; the rest is to come
    call,      // one more call is complete: take call(), and read on
    done,      // the section is over
    rejected,  // what follows the last call is none
  };

  CallReader() = default;
  CallReader(const CallReader&) = delete;
  CallReader& operator=(const CallReader&) = delete;
  virtual ~CallReader() = default;

  // Reads on. `text` is everything behind the opening marker: what it was at the last call, with
  // more behind it. finished: there will be no more; `more` then means that it was cut off.
  Status read(std::string_view text, bool finished);

  // After call: where it ends. After done: where other text goes on. After rejected: what stands
  // before has been looked at and holds no call; never inside of a marker.
  size_t position() const { return position_; }
  ToolCall take_call() { return std::exchange(call_, {}); }

 protected:
  virtual Status step() = 0;

  // The rest are for step(), which returns with the status that they give, if any, and comes back
  // to the same place. Nothing is consumed unless they give none.
  using Stop = std::optional<Status>;
  Stop expect(std::string_view literal);
  Stop expect_space_and(std::string_view literal);  // white space may stand before it
  // Whether `literal` comes next; consumes it if so. Gives nullopt while that is open.
  std::optional<bool> accept(std::string_view literal);
  void skip_space();
  // A name of a tool up to `end`, which is consumed with it.
  Stop read_name(std::string_view end, std::string& name);
  static bool is_name_byte(char c);

  std::string_view text_;
  bool finished_ = false;
  size_t position_ = 0;
  ToolCall call_;
};

// What opens a section of calls.
struct CallSection {
  std::string open;  // empty: the first byte of the answer does, if it is one of first_bytes
  std::string first_bytes;
  bool marked = true;  // false: only calls of known tools are calls
  std::unique_ptr<CallReader> (*make_reader)(const ToolTable& tools) = nullptr;
};

// The sections of a format; none for harmony, which is read by its own engine.
std::vector<CallSection> call_sections(ToolFormat format);

}  // namespace tarn::text
