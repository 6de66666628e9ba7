// What `tarn quantize` tells of its work.
#pragma once

#include <string>

#include "tarn/compress/quantize.h"
#include "tarn/compress/target_search.h"

namespace tarn::cli {

// `measured`: the loss is a divergence.
void print_target(const compress::TargetResult& result, bool measured);
void print_quantize_text(const compress::QuantizeReport& report, const std::string& out);
void print_quantize_json(const compress::QuantizeReport& report, const std::string& in,
                         const std::string& out);

}  // namespace tarn::cli
