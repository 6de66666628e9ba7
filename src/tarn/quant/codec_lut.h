// The codec of look-up tables (quant/lut.h).
#pragma once

#include <memory>

#include "tarn/quant/codec.h"
#include "tarn/quant/lut.h"

namespace tarn::quant {

std::shared_ptr<const Codec> make_lut_codec(const LutFormat& format);

}  // namespace tarn::quant
