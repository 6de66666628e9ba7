// tarn serve: the model behind HTTP, until it is told to stop.
#include <fmt/format.h>
#include <pthread.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <thread>

#include "tarn/base/error.h"
#include "tarn/base/log.h"
#include "tarn/base/team.h"
#include "tarn/cli/commands.h"
#include "tarn/cli/options.h"
#include "tarn/cli/speed_line.h"
#include "tarn/cpu/bandwidth.h"
#include "tarn/lm/model_path.h"
#include "tarn/server/server.h"

namespace tarn::cli {
namespace {

struct Options {
  std::string model;
  server::ServerOptions server;
  std::string name;
  std::string cache_memory;
  std::string max_body = "64M";
  std::string cache_dir_size = "4G";
  std::string sensors;
  int64_t drain_seconds = 60;
  bool no_page = false;
  bool no_governor = false;
  EngineOptions engine;
};

// Signals that the main thread waits for; blocked in all threads that are started after.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // a client that has gone is an error of the write
  return set;
}

std::string model_name(const Options& options) {
  if (!options.name.empty()) return options.name;
  const std::filesystem::path path = std::filesystem::path(options.model).lexically_normal();
  std::string name =
      path.has_filename() ? path.filename().string() : path.parent_path().filename().string();
  if (name.ends_with(".gguf")) name.resize(name.size() - 5);
  return name.empty() ? "model" : name;
}

uint64_t cache_bytes(const Options& options) {
  if (!options.cache_memory.empty()) return parse_bytes(options.cache_memory, "--cache-memory");
  return default_cache_bytes();
}

void serve_until_told(server::Server& server, const sigset_t& signals, int64_t drain_seconds) {
  std::thread drainer;
  std::atomic<bool> drained{false};
  while (true) {
    int signal = 0;
    sigwait(&signals, &signal);
    if (signal == SIGHUP) {
      try {
        server.reload_keys();
        logging::info("API keys: read again");
      } catch (const Error& error) {
        logging::warn("API keys: not read again, the old ones stay: {}", error.what());
      }
      continue;
    }
    if (drained) break;
    if (drainer.joinable()) {
      logging::warn("stopping at once: answers that run are cut off");
      break;
    }
    logging::info(
        "no new requests from now on; waiting for those that run (again to stop at once)");
    drainer = std::thread([&server, &drained, drain_seconds] {
      server.drain(std::chrono::seconds(drain_seconds));
      drained = true;
      kill(getpid(), SIGTERM);  // wakes the loop above
    });
  }
  if (drained) {
    drainer.join();
  } else {
    drainer.detach();
  }
}

void run(Options options) {
  const sigset_t signals = block_signals();
  const LoadOptions load = apply(options.engine);
  options.server.service.cache_folder_bytes =
      parse_bytes(options.cache_dir_size, "--cache-dir-size");
  options.server.http.max_body_bytes = parse_bytes(options.max_body, "--max-body");
  const LoadedModel model(model_path(options.model), load);

  server::ServiceOptions& service = options.server.service;
  service.model_name = model_name(options);
  service.bandwidth = cpu::measure_read_bandwidth(Team::instance().size(), 0.3).best;
  service.engine.cache_bytes = cache_bytes(options);
  options.server.page = !options.no_page;
  options.server.governor.enabled = !options.no_governor;
  if (!options.sensors.empty()) options.server.governor.root = options.sensors;

  server::Server server(model, options.server);
  const int64_t context = context_limit(model.model(), service.engine.context_limit);
  fmt::print("{} ({}, {}) at {}\n", service.model_name, model.model().size().format,
             human_bytes(static_cast<uint64_t>(model.model().size().weight_bytes)), server.url());
  fmt::print("  {} answers at once, {} wait; context {} tokens; {} for caches; API keys {}\n",
             service.engine.max_sequences, service.engine.max_queue, context,
             human_bytes(service.engine.cache_bytes),
             options.server.access.keys.empty() && options.server.access.key_file.empty()
                 ? "none"
                 : "needed");
  std::fflush(stdout);
  serve_until_told(server, signals, options.drain_seconds);
}

}  // namespace

void add_serve(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("serve", "Serve a model over HTTP, with a chat page");
  server::ServerOptions& s = options->server;
  command->add_option("model", options->model, "Model folder, .gguf file or embedded name")
      ->required();
  command->add_option("--host", s.http.address, "Address to listen on")->capture_default_str();
  command->add_option("--port", s.http.port, "Port; 0: any free one")->capture_default_str();
  command->add_option("--name", options->name,
                      "Name of the model in the APIs; the folder's by default");
  command->add_option("--api-key", s.access.keys,
                      "Key that clients must send; may be given several times");
  command->add_option("--api-key-file", s.access.key_file,
                      "File of keys, one a line; read again on SIGHUP");
  command->add_flag("--no-auth", s.access.no_auth, "Serve others without a key");
  command->add_option("--tls-cert", s.http.tls_certificate, "Certificate chain (PEM): serve HTTPS");
  command->add_option("--tls-key", s.http.tls_key, "Its private key (PEM)");
  command->add_option("--cors-origin", s.access.origins,
                      "Origin whose pages may call; \"*\" for all; several times");
  command->add_option("--allow-host", s.access.hosts,
                      "Host name to answer to, beside the address; several times");
  command->add_option("--parallel", s.service.engine.max_sequences, "Answers that run at once")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  command->add_option("--queue", s.service.engine.max_queue, "Requests that may wait")
      ->check(CLI::Range(0, 100000))
      ->capture_default_str();
  command
      ->add_option("--context-limit", s.service.engine.context_limit,
                   "Tokens of prompt and answer; the model's by default")
      ->check(CLI::Range(int64_t{1}, int64_t{INT32_MAX}));
  command
      ->add_option("--default-max-tokens", s.service.max_tokens,
                   "Length of answers that do not say; 0: until the context is full")
      ->check(CLI::Range(int64_t{0}, int64_t{INT32_MAX}))
      ->capture_default_str();
  command->add_option("--cache-memory", options->cache_memory,
                      "Memory for keys, values and kept prefixes; half of what is free");
  command->add_option("--cache-dir", s.service.cache_folder,
                      "Folder that keeps prefixes of conversations from one start to the next");
  command->add_option("--cache-dir-size", options->cache_dir_size, "What it may take")
      ->capture_default_str();
  command->add_option("--max-body", options->max_body, "Largest request")->capture_default_str();
  command->add_option("--max-connections", s.http.max_connections, "Connections at once")
      ->capture_default_str();
  command
      ->add_option("--drain-seconds", options->drain_seconds,
                   "How long running answers may take after SIGTERM")
      ->capture_default_str();
  command->add_flag("--no-page", options->no_page, "Serve the APIs only");
  command->add_flag("--no-governor", options->no_governor, "Do not heed thermal and power limits");
  command->add_option("--sensors", options->sensors,
                      "Where the platform's sensors are; /sys by default");
  command->add_flag("--log-requests", s.log_requests, "Log route, status and time of each request");
  add_engine_options(*command, options->engine);
  command->callback([options] {
    const server::ListenerOptions& http = options->server.http;
    if (http.tls_certificate.empty() != http.tls_key.empty()) {
      usage_error("--tls-cert", "certificate and key belong together; give both");
    }
    run(*options);
  });
}

}  // namespace tarn::cli
