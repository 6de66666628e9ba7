// The APIs: each function answers one route. They run on worker threads and throw ApiError (or any
// exception) for requests that they refuse; later errors they write themselves.
#pragma once

#include <memory>

#include "tarn/server/api_error.h"
#include "tarn/server/http/message.h"
#include "tarn/server/service.h"

namespace tarn::server {

using ResponderPtr = std::shared_ptr<Responder>;

// OpenAI
void openai_chat(Service& service, const HttpRequest& request, const ResponderPtr& responder);
void openai_completions(Service& service, const HttpRequest& request,
                        const ResponderPtr& responder);
void openai_responses(Service& service, const HttpRequest& request, const ResponderPtr& responder);
void openai_embeddings(Service& service, const HttpRequest& request, const ResponderPtr& responder);
void openai_models(Service& service, const HttpRequest& request, const ResponderPtr& responder);
HttpResponse openai_error(const ApiError& error);

// Anthropic
void anthropic_messages(Service& service, const HttpRequest& request,
                        const ResponderPtr& responder);
void anthropic_count(Service& service, const HttpRequest& request, const ResponderPtr& responder);
HttpResponse anthropic_error(const ApiError& error);

// Ollama
void ollama_chat(Service& service, const HttpRequest& request, const ResponderPtr& responder);
void ollama_generate(Service& service, const HttpRequest& request, const ResponderPtr& responder);
void ollama_embed(Service& service, const HttpRequest& request, const ResponderPtr& responder);
void ollama_tags(Service& service, const HttpRequest& request, const ResponderPtr& responder);
void ollama_show(Service& service, const HttpRequest& request, const ResponderPtr& responder);
void ollama_ps(Service& service, const HttpRequest& request, const ResponderPtr& responder);
void ollama_version(Service& service, const HttpRequest& request, const ResponderPtr& responder);
HttpResponse ollama_error(const ApiError& error);

// Tarn's own
void tokenize(Service& service, const HttpRequest& request, const ResponderPtr& responder);
void detokenize(Service& service, const HttpRequest& request, const ResponderPtr& responder);
void apply_template(Service& service, const HttpRequest& request, const ResponderPtr& responder);
void save_cache(Service& service, const HttpRequest& request, const ResponderPtr& responder);

}  // namespace tarn::server
