// Lines from the user: edited and remembered on a terminal, as they come from a pipe.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

namespace tarn::cli {

class LineReader {
 public:
  enum class Result { line, interrupted, end };

  // History is read from and added to this file; where it cannot be written it lasts for the
  // process.
  explicit LineReader(std::filesystem::path history);
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  bool interactive() const { return edit_ != nullptr; }
  // `prompt` is shown on a terminal only. `line` has no line end.
  Result read(const std::string& prompt, std::string& line);

 private:
  struct Edit;
  std::unique_ptr<Edit> edit_;  // null: a pipe
};

// What belongs together: a line with a backslash at its end goes on in the next; what stands
// between lines of """ is one message.
LineReader::Result read_message(LineReader& reader, std::string& message);

// tarn/NAME in the XDG folder for state ($XDG_STATE_HOME or ~/.local/state).
std::filesystem::path state_file(const std::string& name);

}  // namespace tarn::cli
