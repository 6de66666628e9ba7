// Blocks of every type from any bytes: what comes out is the same taken apart, decoded and packed.
#include "tarn/quant/ggml_blocks.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "tarn/quant/codec_ggml.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tarn::quant;
  if (size == 0) return 0;
  const auto types = ggml_types();
  const GgmlTypeInfo& type = types[data[0] % types.size()];
  if (!is_weight_type(type.type)) return 0;
  constexpr size_t columns = 256;
  const size_t row_bytes = columns / type.block_values * type.block_bytes;
  std::vector<std::byte> blocks(row_bytes);
  std::memcpy(blocks.data(), data + 1, size - 1 < row_bytes ? size - 1 : row_bytes);
  std::vector<float> decoded(columns), unpacked(columns);
  ggml_decode_row(type.type, columns, blocks.data(), decoded.data());
  const auto codec = make_ggml_codec(type.type);
  const size_t bytes = packed_size(codec->panel_format(), 1, columns);
  std::vector<std::byte> memory(bytes + panel_alignment);
  auto* panel = memory.data();
  while (reinterpret_cast<uintptr_t>(panel) % panel_alignment != 0) ++panel;
  const std::byte* part = blocks.data();
  codec->pack(1, columns, {&part, 1}, panel, 0, 1);
  unpack_row(codec->panel_format(), columns, panel, 0, unpacked.data());
  for (size_t i = 0; i < columns; ++i) {
    const bool same = decoded[i] == unpacked[i] || decoded[i] != decoded[i];
    if (!same) std::abort();
  }
  return 0;
}
