#include "tarn/server/api/sampling.h"

#include <charconv>
#include <limits>

namespace tarn::server {
namespace {

constexpr size_t most_stops = 16;
constexpr int64_t most_tokens = std::numeric_limits<int32_t>::max();

// {"ID": BIAS}, or [[ID or TEXT, BIAS or false], ...] as llama-server has it.
void read_bias(const Service& service, Body& body, SamplerOptions& sampler) {
  const ordered_json* given = body.find("logit_bias");
  if (given == nullptr) return;
  const int64_t vocab = service.model().model().config().vocab_size;
  const auto set = [&](int64_t id, double bias) {
    if (id < 0 || id >= vocab) {
      body.fail("logit_bias", fmt::format("there is no token {}: ids are 0 to {}", id, vocab - 1));
    }
    if (!(bias >= -100 && bias <= 100)) {
      body.fail("logit_bias", fmt::format("the bias of token {} is not from -100 to 100", id));
    }
    // -100 forbids a token, as OpenAI has it.
    sampler.logit_bias[static_cast<int32_t>(id)] =
        bias == -100 ? -std::numeric_limits<float>::infinity() : static_cast<float>(bias);
  };
  if (!given->is_object()) body.fail("logit_bias", "it must be an object of biases by token id");
  for (const auto& [key, value] : given->items()) {
    int64_t id = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc() || end != key.data() + key.size()) {
      body.fail("logit_bias", fmt::format("\"{}\" is no token id", key));
    }
    if (!value.is_number()) body.fail("logit_bias", fmt::format("the bias of {} is no number", id));
    set(id, value.get<double>());
  }
}

text::Grammar checked(const std::string& path, const std::function<text::Grammar()>& make) {
  try {
    return make();
  } catch (const Error& error) {
    throw ApiError(400, fmt::format("{}: {}", path, error.what()), path);
  }
}

void use_grammar(Service& service, const std::string& kind, const std::string& source,
                 const std::string& path, Task& task, const std::function<text::Grammar()>& make) {
  task.grammar = service.grammar(kind + ":" + source, [&] { return checked(path, make); });
}

}  // namespace

void read_sampling(const Service& service, Body& body, Task& task) {
  task.options = suggested_options(service.model().defaults());
  SamplerOptions& s = task.options.sampler;
  const auto set = [](const auto& value, auto& to) {
    if (value) to = static_cast<std::decay_t<decltype(to)>>(*value);
  };
  set(body.number("temperature", 0, 100), s.temperature);
  set(body.number("top_p", 0, 1), s.top_p);
  if (s.top_p == 0) s.top_p = std::numeric_limits<float>::min();  // the likeliest alone
  const auto top_k = body.integer("top_k", -1, most_tokens);
  if (top_k) s.top_k = std::max<int64_t>(0, *top_k);
  set(body.number("min_p", 0, 1), s.min_p);
  set(body.number("frequency_penalty", -2, 2), s.frequency_penalty);
  set(body.number("presence_penalty", -2, 2), s.presence_penalty);
  set(body.number("repetition_penalty", 0.01, 10), s.repetition_penalty);
  set(body.number("repeat_penalty", 0.01, 10), s.repetition_penalty);
  if (const auto seed = body.integer("seed", std::numeric_limits<int64_t>::min(),
                                     std::numeric_limits<int64_t>::max())) {
    if (*seed != -1) s.seed = static_cast<uint64_t>(*seed);
  }
  read_bias(service, body, s);
  task.options.stop = body.texts("stop", most_stops);
  for (const std::string& stop : task.options.stop) {
    if (stop.empty()) body.fail("stop", "a stop string is empty");
  }
  task.options.ignore_end = body.boolean("ignore_eos").value_or(false);
  task.timeout = body.number("timeout", 0.001, 86400);
}

void use_json_object(Service& service, Task& task) {
  use_grammar(service, "json_object", "", "response_format", task,
              [] { return text::Grammar::json_object(); });
}

void use_schema(Service& service, const ordered_json& schema, const std::string& path, Task& task) {
  use_grammar(service, "schema", schema.dump(), path, task,
              [&] { return text::Grammar::from_parsed_schema(schema); });
}

void read_format(Service& service, Body& body, Task& task) {
  if (auto format = body.object("response_format")) {
    const auto type = format->choice("type", {"text", "json_object", "json_schema", "regex"});
    if (!type) format->fail("type", "it is missing");
    if (*type == "json_object") {
      if (const ordered_json* schema = format->find("schema")) {
        use_schema(service, *schema, format->path("schema"), task);
      } else {
        use_json_object(service, task);
      }
    }
    if (*type == "json_schema") {
      auto described = format->object("json_schema");
      if (!described) format->fail("json_schema", "it is missing");
      described->accept({"name", "description", "strict"});
      use_schema(service, described->require("schema"), described->path("schema"), task);
      described->finish();
    }
    if (*type == "regex") {
      const std::string pattern = format->require_text("pattern");
      use_grammar(service, "regex", pattern, format->path("pattern"), task,
                  [&] { return text::Grammar::from_regex(pattern); });
    }
    format->finish();
  }
  const auto one = [&](const char* key) {
    if (task.grammar && body.find(key) != nullptr) {
      body.fail(key,
                "only one of response_format, grammar, json_schema and regex can be asked for");
    }
    return body.find(key) != nullptr;
  };
  if (one("grammar")) {
    const std::string source = body.require_text("grammar");
    use_grammar(service, "gbnf", source, "grammar", task,
                [&] { return text::Grammar::from_gbnf(source); });
  }
  if (one("json_schema")) use_schema(service, *body.find("json_schema"), "json_schema", task);
  if (one("regex")) {
    const std::string pattern = body.require_text("regex");
    use_grammar(service, "regex", pattern, "regex", task,
                [&] { return text::Grammar::from_regex(pattern); });
  }
}

void check_model(const Service& service, Body& body) {
  const auto model = body.text("model");
  const std::string& name = service.name();
  if (!model || *model == name || *model == "default" || *model == name + ":latest") return;
  throw ApiError(404,
                 fmt::format("model: \"{}\" is not here; this server has \"{}\"", *model, name),
                 "model", "model_not_found");
}

}  // namespace tarn::server
