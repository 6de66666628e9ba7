// POST /v1/embeddings and Ollama's /api/embed
#include <openssl/evp.h>

#include "tarn/base/clock.h"
#include "tarn/lm/embedding.h"
#include "tarn/server/api/openai.h"

namespace tarn::server {
namespace {

constexpr size_t most_inputs = 2048;

// Texts or lists of token ids, one or several.
std::vector<std::vector<int32_t>> read_inputs(Service& service, Body& body) {
  const ordered_json& input = body.require("input");
  const int64_t vocab = service.model().model().config().vocab_size;
  const auto tokens_of = [&](const ordered_json& one, const std::string& place) {
    std::vector<int32_t> ids;
    if (one.is_string()) {
      ids = service.model().tokenizer().encode(one.get<std::string>(), true).ids;
    } else if (one.is_array()) {
      for (const ordered_json& id : one) {
        if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() >= vocab) {
          body.fail(place, fmt::format("token ids are whole numbers from 0 to {}", vocab - 1));
        }
        ids.push_back(id.get<int32_t>());
      }
    } else {
      body.fail(place, "it must be a text or a list of token ids");
    }
    if (ids.empty()) body.fail(place, "it is empty");
    check_context(service, ids.size());
    return ids;
  };
  const bool several = input.is_array() && !input.empty() && !input.front().is_number();
  if (!several) return {tokens_of(input, "input")};
  if (input.size() > most_inputs) {
    body.fail("input",
              fmt::format("it has {} entries, and may have {}", input.size(), most_inputs));
  }
  std::vector<std::vector<int32_t>> all;
  for (size_t i = 0; i < input.size(); ++i) {
    all.push_back(tokens_of(input[i], fmt::format("input[{}]", i)));
  }
  return all;
}

std::string base64(const std::vector<float>& values) {
  const size_t bytes = values.size() * sizeof(float);
  std::string text((bytes + 2) / 3 * 4 + 1, '\0');  // and the end that OpenSSL writes
  const int letters = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                      reinterpret_cast<const unsigned char*>(values.data()),
                                      static_cast<int>(bytes));
  text.resize(static_cast<size_t>(letters));
  return text;
}

struct Embeddings {
  std::vector<std::vector<float>> vectors;
  int64_t tokens = 0;
  double seconds = 0;
};

// One after another, between the steps of answers. nullopt: the client has gone.
std::optional<Embeddings> embed_all(Service& service,
                                    const std::vector<std::vector<int32_t>>& inputs,
                                    Pooling pooling, const Responder& responder) {
  const Clock::time_point start = Clock::now();
  Embeddings all;
  for (const std::vector<int32_t>& input : inputs) {
    if (!responder.open()) return std::nullopt;
    service.engine().run(
        [&](const Model& model) { all.vectors.push_back(embed(model, input, pooling)); });
    all.tokens += static_cast<int64_t>(input.size());
  }
  all.seconds = seconds_since(start);
  return all;
}

void read_dimensions(const Service& service, Body& body) {
  const int64_t width = service.model().model().config().hidden_size;
  const auto dimensions = body.integer("dimensions", 1, INT32_MAX);
  if (dimensions && *dimensions != width) {
    body.fail("dimensions", fmt::format("this model's embeddings have {}", width));
  }
}

}  // namespace

void openai_embeddings(Service& service, const HttpRequest& request,
                       const ResponderPtr& responder) {
  const ordered_json document = parse_body(request.body, request.header("content-type"));
  Body body(document);
  check_model(service, body);
  accept_bookkeeping(body);
  const auto inputs = read_inputs(service, body);
  const bool as_base64 =
      body.choice("encoding_format", {"float", "base64"}).value_or("float") == "base64";
  const Pooling pooling = body.choice("pooling", {"mean", "last"}).value_or("mean") == "last"
                              ? Pooling::last
                              : Pooling::mean;
  read_dimensions(service, body);
  body.finish();

  const std::optional<Embeddings> all = embed_all(service, inputs, pooling, *responder);
  if (!all) return;
  ordered_json data = ordered_json::array();
  for (const std::vector<float>& vector : all->vectors) {
    data.push_back(
        {{"object", "embedding"},
         {"index", data.size()},
         {"embedding", as_base64 ? ordered_json(base64(vector)) : ordered_json(vector)}});
  }
  responder->send(
      json_response({{"object", "list"},
                     {"data", std::move(data)},
                     {"model", service.name()},
                     {"usage", {{"prompt_tokens", all->tokens}, {"total_tokens", all->tokens}}}}));
}

void ollama_embed(Service& service, const HttpRequest& request, const ResponderPtr& responder) {
  const ordered_json document = parse_body(request.body, request.header("content-type"));
  Body body(document);
  check_model(service, body);
  const auto inputs = read_inputs(service, body);
  read_dimensions(service, body);
  // Nothing is ever cut off: an input that is too long is refused. Options say how work is done.
  body.accept({"truncate", "options", "keep_alive"});
  body.finish();

  const std::optional<Embeddings> all = embed_all(service, inputs, Pooling::mean, *responder);
  if (!all) return;
  responder->send(json_response({{"model", service.name()},
                                 {"embeddings", all->vectors},
                                 {"total_duration", static_cast<int64_t>(all->seconds * 1e9)},
                                 {"load_duration", 0},
                                 {"prompt_eval_count", all->tokens}}));
}

}  // namespace tarn::server
