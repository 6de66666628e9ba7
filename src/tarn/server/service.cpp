#include "tarn/server/service.h"

namespace tarn::server {

Service::Service(const LoadedModel& model, const ServiceOptions& options)
    : chat_(model),
      options_(options),
      context_(context_limit(model.model(), options.engine.context_limit)),
      engine_(model, options.engine) {}

double Service::bandwidth_fraction(double tokens_per_second) const {
  if (options_.bandwidth <= 0) return 0;
  return tokens_per_second * static_cast<double>(model().model().size().bytes_per_token) /
         options_.bandwidth;
}

}  // namespace tarn::server
