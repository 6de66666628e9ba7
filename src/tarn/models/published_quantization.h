// Quantized checkpoints as their makers publish them, for engines on other hardware: 8-bit floats
// with a scale for each block of weights, each row or each matrix ("quant_method" fp8,
// compressed-tensors, modelopt), and nvfp4 as modelopt writes it.
#pragma once

#include <memory>
#include <string>

#include "tarn/io/checkpoint.h"
#include "tarn/models/json_fields.h"
#include "tarn/quant/codec.h"

namespace tarn {

// The format that "quantization_config" with a "quant_method" describes. unsupported: a method that
// Tarn cannot read; the message lists those it can.
quant::Format parse_quant_method(const JsonFields& fields);

// The codec for the weights of `module` as these makers store them; null: it is not stored so. It
// depends on which scales there are and on their shape. corrupt: scales that fit no layout.
std::shared_ptr<const quant::Codec> published_codec(const Checkpoint& checkpoint,
                                                    const std::string& module,
                                                    const quant::Format& format);

}  // namespace tarn
