// What the server tells of itself: health, readiness, metrics, and its description.
#pragma once

#include "tarn/server/governor.h"
#include "tarn/server/http/listener.h"
#include "tarn/server/http/message.h"
#include "tarn/server/service.h"

namespace tarn::server {

HttpResponse health_response(Service& service);
HttpResponse ready_response(Service& service, bool ready);  // 503 when it is not
HttpResponse metrics_response(Service& service, const GovernorState& governor,
                              const ListenerStats& connections);
HttpResponse openapi_response();

}  // namespace tarn::server
