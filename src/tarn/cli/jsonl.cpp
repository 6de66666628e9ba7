#include "tarn/cli/jsonl.h"

#include <istream>
#include <ostream>
#include <string>

#include "tarn/base/error.h"

namespace tarn::cli {

void answer_lines(std::istream& in, std::ostream& out, std::string_view what,
                  const std::function<json(const json& request)>& answer) {
  std::string line;
  for (size_t number = 1; std::getline(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const std::string where = fmt::format("{}: line {}", what, number);
    const json request = parse_json(line, where);
    try {
      if (!request.is_object()) fail(ErrorCode::invalid_argument, "expected a JSON object");
      // ASCII, so that no reader takes U+2028 or U+0085 in a text for the end of the line.
      out << answer(request).dump(-1, ' ', true) << '\n';
    } catch (const Error& error) {
      out.flush();
      fail(error.code(), "{}: {}", where, error.what());
    }
    // Whoever writes one line and waits for its answer must get it.
    if (in.rdbuf()->in_avail() <= 0) out.flush();
  }
  out.flush();
  if (!out) fail(ErrorCode::io, "{}: cannot write to standard output", what);
}

bool request_flag(const json& request, const char* key, bool otherwise) {
  const auto it = request.find(key);
  if (it == request.end() || it->is_null()) return otherwise;
  if (!it->is_boolean()) {
    fail(ErrorCode::invalid_argument, "\"{}\" must be true or false, found {}", key,
         it->type_name());
  }
  return it->get<bool>();
}

}  // namespace tarn::cli
