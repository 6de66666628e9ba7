// GET /v1/models and POST /v1/embeddings
#include <cstring>

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
  static constexpr char letters[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<unsigned char> bytes(values.size() * sizeof(float));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t left = bytes.size() - i;
    const unsigned b1 = left > 1 ? bytes[i + 1] : 0, b2 = left > 2 ? bytes[i + 2] : 0;
    const unsigned word = static_cast<unsigned>(bytes[i]) << 16 | b1 << 8 | b2;
    out += letters[word >> 18];
    out += letters[word >> 12 & 63];
    out += left > 1 ? letters[word >> 6 & 63] : '=';
    out += left > 2 ? letters[word & 63] : '=';
  }
  return out;
}

}  // namespace

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
  const int64_t width = service.model().model().config().hidden_size;
  const auto dimensions = body.integer("dimensions", 1, INT32_MAX);
  if (dimensions && *dimensions != width) {
    body.fail("dimensions", fmt::format("this model's embeddings have {}", width));
  }
  body.finish();

  ordered_json data = ordered_json::array();
  int64_t tokens = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!responder->open()) return;
    std::vector<float> values;
    service.engine().run([&](const Model& model) { values = embed(model, inputs[i], pooling); });
    data.push_back(
        {{"object", "embedding"},
         {"index", i},
         {"embedding", as_base64 ? ordered_json(base64(values)) : ordered_json(values)}});
    tokens += static_cast<int64_t>(inputs[i].size());
  }
  responder->send(
      json_response({{"object", "list"},
                     {"data", std::move(data)},
                     {"model", service.name()},
                     {"usage", {{"prompt_tokens", tokens}, {"total_tokens", tokens}}}}));
}

}  // namespace tarn::server
