#include "tarn/quant/codec.h"

#include "tarn/base/error.h"
#include "tarn/quant/codec_affine.h"
#include "tarn/quant/codec_block_float.h"
#include "tarn/quant/codec_fp8.h"
#include "tarn/quant/codec_ggml.h"
#include "tarn/quant/codec_lut.h"
#include "tarn/quant/codec_palette.h"

namespace tarn::quant {

size_t part_type_bytes(PartType type) {
  switch (type) {
    case PartType::u8:
    case PartType::i8:
    case PartType::f8_e4m3:
      return 1;
    case PartType::f16:
    case PartType::bf16:
      return 2;
    default:
      return 4;
  }
}

size_t Codec::bytes(size_t rows, size_t columns) const {
  size_t total = 0;
  for (const Part& part : parts(rows, columns)) total += part.bytes();
  return total;
}

void Codec::set_codes(size_t /*rows*/, size_t /*columns*/, std::span<std::byte* const> /*parts*/,
                      size_t /*row*/, const uint8_t* /*codes*/) const {
  fail(ErrorCode::unsupported, "format {}: its codes cannot be chosen one by one",
       format_text(format()));
}

std::shared_ptr<const Codec> make_codec(const Format& format, ScaleType scale_type) {
  switch (format.mode) {
    case FormatMode::affine:
      return make_affine_codec({format.bits, format.group_size}, scale_type);
    case FormatMode::lut:
      return make_lut_codec({format.bits, format.group_size});
    case FormatMode::palette:
      return make_palette_codec(format);
    case FormatMode::mxfp4:
    case FormatMode::mxfp8:
    case FormatMode::nvfp4:
      return make_block_float_codec(format.mode);
    case FormatMode::ggml:
      return make_ggml_codec(format.type);
    case FormatMode::fp8:
      break;
  }
  return make_fp8_codec({}, scale_type, format.group_size);
}

}  // namespace tarn::quant
