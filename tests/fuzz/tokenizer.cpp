// Any bytes as a tokenizer.json; one that loads must encode and decode without a crash.
#include "tarn/text/tokenizer.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tarn/base/error.h"
#include "tarn/base/log.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tarn::logging::set_level(tarn::logging::Level::off);
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static constexpr std::string_view kText =
      " Héllo <s>[MASK]\r\n a\u0301 中文 '1234'  ab▁\U0001F600";
  try {
    const auto tokenizer = tarn::text::Tokenizer::from_json(bytes, "fuzz");
    const auto encoding = tokenizer.encode(kText);
    if (tokenizer.encode_pair("ab", kText, false).ids.empty() && encoding.ids.empty()) return 0;
    tarn::text::StreamDecoder stream(tokenizer, false);
    std::string streamed;
    for (const int32_t id : encoding.ids) streamed += stream.push(id);
    streamed += stream.flush();
    if (streamed != tokenizer.decode(encoding.ids, false)) __builtin_trap();
  } catch (const tarn::Error&) {
  }
  return 0;
}
