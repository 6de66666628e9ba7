#include "tarn/server/status.h"

#include "tarn/base/process_memory.h"
#include "tarn/memory/pool.h"
#include "tarn/server/api/stream.h"
#include "tarn/server/openapi.h"

namespace tarn::server {

HttpResponse health_response(Service& service) {
  const EngineStats stats = service.engine().stats();
  return json_response({{"status", "ok"},
                        {"model", service.name()},
                        {"running", stats.running},
                        {"waiting", stats.waiting},
                        {"slots", stats.limit}});
}

HttpResponse ready_response(Service& service, bool ready) {
  return json_response({{"ready", ready}, {"model", service.name()}}, ready ? 200 : 503);
}

HttpResponse metrics_response(Service& service, const GovernorState& governor,
                              const ListenerStats& connections) {
  const EngineStats s = service.engine().stats();
  std::string text = service.metrics().text();
  const auto counter = [&](const char* name, const char* help, auto value) {
    text += metric(name, "counter", help, static_cast<double>(value));
  };
  const auto gauge = [&](const char* name, const char* help, auto value) {
    text += metric(name, "gauge", help, static_cast<double>(value));
  };
  gauge("tarn_running_requests", "Requests that are being answered.", s.running);
  gauge("tarn_waiting_requests", "Requests that wait for a place.", s.waiting);
  gauge("tarn_slots", "Answers that may run at once.", s.limit);
  counter("tarn_accepted_total", "Requests taken into the queue.", s.accepted);
  counter("tarn_refused_total", "Requests refused because the queue was full.", s.refused);
  counter("tarn_finished_total", "Answers that came to their end.", s.finished);
  counter("tarn_cancelled_total", "Answers that were cancelled.", s.cancelled);
  counter("tarn_timed_out_total", "Answers that their deadline ended.", s.timed_out);
  counter("tarn_failed_total", "Answers that failed.", s.failed);
  counter("tarn_prompt_tokens_total", "Tokens of prompts that were run.", s.prompt_tokens);
  counter("tarn_generated_tokens_total", "Tokens of answers.", s.generated_tokens);
  counter("tarn_decode_steps_total", "Steps of one token for each running answer.", s.steps);
  counter("tarn_decode_tokens_total", "Tokens of these steps.", s.batched_tokens);
  counter("tarn_prefill_seconds_total", "Time spent on prompts.", s.prefill_seconds);
  counter("tarn_decode_seconds_total", "Time spent on answers.", s.decode_seconds);
  counter("tarn_prefix_lookups_total", "Prompts looked up in the prefix cache.",
          s.prefixes.lookups);
  counter("tarn_prefix_hits_total", "Prompts whose beginning was found there.", s.prefixes.hits);
  counter("tarn_prefix_tokens_total", "Tokens found there.", s.prefixes.cached_tokens);
  counter("tarn_prefix_evictions_total", "Prefixes let go for room.", s.prefixes.evictions);
  gauge("tarn_prefix_entries", "Prefixes kept.", s.prefixes.entries);
  gauge("tarn_prefix_bytes", "Memory of kept prefixes.", s.prefixes.bytes);
  gauge("tarn_cache_reserved_bytes", "Memory reserved for running answers.", s.reserved_bytes);
  gauge("tarn_cache_budget_bytes", "Memory for running answers and prefixes.", s.cache_bytes);
  gauge("tarn_resident_bytes", "Resident memory of the process.", resident_bytes().value_or(0));
  const memory::Stats pool = memory::stats();
  gauge("tarn_pool_active_bytes", "Memory of live arrays.", pool.active);
  gauge("tarn_pool_kept_bytes", "Memory of earlier arrays, kept for the next ones.", pool.cached);
  gauge("tarn_connections", "Open connections.", connections.connections);
  counter("tarn_connections_total", "Connections accepted.", connections.accepted);
  counter("tarn_connections_refused_total", "Connections over the limit.", connections.refused);
  gauge("tarn_governor_pressure", "How near a thermal or power limit is: 1 is at it.",
        governor.pressure);
  gauge("tarn_governor_limit", "Answers that the governor lets run at once.", governor.limit);
  text +=
      "# HELP tarn_sensor Readings of the platform's sensors (degrees Celsius, watts).\n"
      "# TYPE tarn_sensor gauge\n";
  for (const Reading& reading : governor.readings) {
    std::string label;
    for (const char c : reading.sensor) {
      if (c == '"' || c == '\\') label += '\\';
      if (c != '\n') label += c;
    }
    text += fmt::format("tarn_sensor{{sensor=\"{}\"}} {}\n", label, reading.value);
  }
  return {200, "text/plain; version=0.0.4; charset=utf-8", std::move(text), {}};
}

HttpResponse openapi_response() {
  return {200, "application/json", std::string(openapi_document()), {}};
}

}  // namespace tarn::server
