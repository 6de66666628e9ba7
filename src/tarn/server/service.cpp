#include "tarn/server/service.h"

#include "tarn/base/log.h"

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

std::optional<PrefixFiles> Service::load_prefixes() {
  if (options_.cache_folder.empty()) return std::nullopt;
  const PrefixFiles loaded = engine_.load_prefixes(options_.cache_folder);
  logging::info("prefix cache: {} prefixes from {}", loaded.files, options_.cache_folder.string());
  return loaded;
}

std::optional<PrefixFiles> Service::save_prefixes() {
  if (options_.cache_folder.empty()) return std::nullopt;
  const PrefixFiles saved =
      engine_.save_prefixes(options_.cache_folder, options_.cache_folder_bytes);
  logging::info("prefix cache: {} prefixes kept in {}", saved.files,
                options_.cache_folder.string());
  return saved;
}

}  // namespace tarn::server
