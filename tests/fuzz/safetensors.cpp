// Any bytes either fail with tarn::Error or give a header whose every claim holds. The first input
// byte chooses: the rest is a whole file, or a header's text and one byte of data for each space
// at its end, since a mutator seldom finds the length field by itself.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>

#include "tarn/base/error.h"
#include "tarn/io/safetensors_header.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

std::string file_with_header(const std::string& header) {
  const uint64_t length = header.size();
  const size_t last = header.find_last_not_of(' ');
  const size_t spaces = header.size() - (last == std::string::npos ? 0 : last + 1);
  std::string file(sizeof(length), '\0');
  std::memcpy(file.data(), &length, sizeof(length));
  return file + header + std::string(spaces, 'x');
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string file = data[0] % 2 == 0 ? rest : file_with_header(rest);
  const auto bytes = std::as_bytes(std::span(file));
  try {
    const auto header = tarn::parse_safetensors_header(bytes, "fuzz");
    uint64_t filled = header.data_start;
    for (const tarn::SafetensorsEntry& entry : header.entries) {
      uint64_t tensor_bytes = 0;
      require(entry.shape.size() <= tarn::kMaxTensorRank);
      require(tarn::tensor_byte_size(entry.type, entry.shape, tensor_bytes));
      require(entry.end - entry.begin == tensor_bytes);
      require(header.data_start + entry.begin == filled);
      filled += tensor_bytes;
    }
    require(filled == file.size());
  } catch (const tarn::Error& error) {
    require(error.code() == tarn::ErrorCode::corrupt && std::strlen(error.what()) < 4096);
  }
  return 0;
}
