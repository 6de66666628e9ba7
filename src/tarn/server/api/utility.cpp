// POST /tokenize, /detokenize, /apply-template, /cache/save
#include "tarn/server/api/openai.h"

namespace tarn::server {

void tokenize(Service& service, const HttpRequest& request, const ResponderPtr& responder) {
  const ordered_json document = parse_body(request.body, request.header("content-type"));
  Body body(document);
  // llama-server says "content" and "add_special", vLLM "prompt" and "add_special_tokens".
  std::optional<std::string> text = body.text("content");
  for (const char* name : {"prompt", "text"}) {
    if (!text) text = body.text(name);
  }
  if (!text) body.fail("content", "it is missing");
  bool special = body.boolean("add_special").value_or(false);
  special = body.boolean("add_special_tokens").value_or(special);
  const bool pieces = body.boolean("with_pieces").value_or(false);
  check_model(service, body);
  body.finish();
  const text::Tokenizer& tokenizer = service.model().tokenizer();
  const std::vector<int32_t> ids = tokenizer.encode(*text, special).ids;
  ordered_json tokens = ordered_json::array();
  for (const int32_t id : ids) {
    if (pieces) {
      tokens.push_back({{"id", id}, {"piece", tokenizer.decode({&id, 1}, false)}});
    } else {
      tokens.push_back(id);
    }
  }
  responder->send(json_response({{"tokens", std::move(tokens)}, {"count", ids.size()}}));
}

void detokenize(Service& service, const HttpRequest& request, const ResponderPtr& responder) {
  const ordered_json document = parse_body(request.body, request.header("content-type"));
  Body body(document);
  const ordered_json* tokens = body.list("tokens", size_t{1} << 24);
  if (tokens == nullptr) body.fail("tokens", "it is missing");
  const int64_t vocab = service.model().model().config().vocab_size;
  std::vector<int32_t> ids;
  for (const ordered_json& id : *tokens) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() >= vocab) {
      body.fail("tokens", fmt::format("token ids are whole numbers from 0 to {}", vocab - 1));
    }
    ids.push_back(id.get<int32_t>());
  }
  const bool skip = body.boolean("skip_special_tokens").value_or(false);
  check_model(service, body);
  body.finish();
  const std::string text = service.model().tokenizer().decode(ids, skip);
  responder->send(json_response({{"content", text}, {"prompt", text}}));
}

void apply_template(Service& service, const HttpRequest& request, const ResponderPtr& responder) {
  const ordered_json document = parse_body(request.body, request.header("content-type"));
  Body body(document);
  Conversation conversation;
  conversation.messages = body.require("messages");
  Task ignored;
  read_tools(service, body, conversation, ignored);
  read_template_options(body, conversation);
  check_model(service, body);
  body.finish();
  const std::string prompt = render(service, conversation);
  responder->send(
      json_response({{"prompt", prompt},
                     {"tokens", service.model().tokenizer().encode(prompt, false).ids.size()}}));
}

void save_cache(Service& service, const HttpRequest& request, const ResponderPtr& responder) {
  const ordered_json document = parse_body(request.body, request.header("content-type"));
  Body(document).finish();
  const std::optional<PrefixFiles> saved = service.save_prefixes();
  if (!saved) {
    throw ApiError(400,
                   "cache: there is no folder to save it in; start the server with --cache-dir", "",
                   "no_cache_dir");
  }
  if (!saved->problem.empty()) throw ApiError(500, saved->problem, "", "cache_not_saved");
  responder->send(json_response({{"prefixes", saved->files}, {"bytes", saved->bytes}}));
}

}  // namespace tarn::server
