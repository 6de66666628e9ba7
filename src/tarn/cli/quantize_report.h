// What `tarn quantize` tells of its work.
#pragma once

#include <string>

#include "tarn/compress/quantize.h"

namespace tarn::cli {

void print_quantize_text(const compress::QuantizeReport& report, const std::string& out);
void print_quantize_json(const compress::QuantizeReport& report, const std::string& in,
                         const std::string& out);

}  // namespace tarn::cli
