// The codec of block floats (quant/block_float.h).
#pragma once

#include <memory>
#include <string_view>

#include "tarn/quant/codec.h"

namespace tarn::quant {

// mxfp4, mxfp8 or nvfp4 in MLX's layout: "weight" as words, "scales".
std::shared_ptr<const Codec> make_block_float_codec(FormatMode mode);

// nvfp4 as checkpoints for other engines have it: codes as bytes [rows, columns / 2], scales e4m3,
// the tensor's own scale apart. The same bytes; encode() takes the tensor scale as given.
struct PublishedNvfp4 {
  std::string_view codes = "weight";
  std::string_view scales = "weight_scale";
  float tensor_scale = 1;
};
std::shared_ptr<const Codec> make_nvfp4_codec(const PublishedNvfp4& storage);

}  // namespace tarn::quant
