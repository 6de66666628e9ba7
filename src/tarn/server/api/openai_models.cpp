// GET /v1/models
#include "tarn/server/api/openai.h"

namespace tarn::server {

void openai_models(Service& service, const HttpRequest& request, const ResponderPtr& responder) {
  const ModelSize& size = service.model().model().size();
  const auto created =
      std::chrono::duration_cast<std::chrono::seconds>(service.started().time_since_epoch())
          .count();
  const ordered_json model{{"id", service.name()},
                           {"object", "model"},
                           {"created", created},
                           {"owned_by", "tarn"},
                           {"context_length", service.context()},
                           {"parameters", size.parameters},
                           {"format", size.format}};
  constexpr std::string_view prefix = "/v1/models";
  const std::string_view rest = std::string_view(request.path).substr(prefix.size());
  if (rest.empty() || rest == "/") {
    return responder->send(
        json_response({{"object", "list"}, {"data", ordered_json::array({model})}}));
  }
  if (rest.substr(1) != service.name()) {
    throw ApiError(404,
                   fmt::format("model: \"{}\" is not here; this server has \"{}\"", rest.substr(1),
                               service.name()),
                   "model", "model_not_found");
  }
  responder->send(json_response(model));
}

}  // namespace tarn::server
