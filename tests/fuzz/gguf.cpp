// Any bytes either fail with tarn::Error or give a header whose every claim holds, and a model's
// description that does too.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>

#include "tarn/base/error.h"
#include "tarn/io/gguf_header.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const tarn::GgufHeader header = tarn::parse_gguf_header(bytes, "fuzz");
    uint64_t end = 0;
    for (const tarn::GgufTensorEntry& entry : header.tensors) {
      require(entry.begin >= end && entry.end >= entry.begin && entry.end <= size);
      require(!entry.shape.empty() && entry.shape.size() <= tarn::gguf_max_rank);
      end = entry.end;
      uint64_t count = 1;
      for (const int64_t extent : entry.shape) {
        require(extent > 0);
        count *= static_cast<uint64_t>(extent);
      }
      const auto& type = tarn::quant::info(entry.type);
      require(count % type.block_values == 0);
      require(entry.end - entry.begin == count / type.block_values * type.block_bytes);
    }
    for (const auto& [key, value] : header.metadata) {
      require(!key.empty());
      if (const auto* text = std::get_if<std::string_view>(&value.value); text != nullptr) {
        require(text->empty() ||
                (text->data() >= reinterpret_cast<const char*>(data) &&
                 text->data() + text->size() <= reinterpret_cast<const char*>(data) + size));
      }
    }
  } catch (const tarn::Error& error) {
    require(error.code() == tarn::ErrorCode::corrupt ||
            error.code() == tarn::ErrorCode::unsupported);
    require(std::strlen(error.what()) < 4096);
  }
  return 0;
}
