// The fields about sampling that the APIs share, under OpenAI's names.
#pragma once

#include "tarn/server/body.h"
#include "tarn/server/service.h"
#include "tarn/server/task.h"

namespace tarn::server {

// temperature, top_p, top_k, min_p, seed, stop, frequency_penalty, presence_penalty,
// repetition_penalty (or repeat_penalty), logit_bias, ignore_eos, timeout. What is absent is what
// the model's makers suggest.
void read_sampling(const Service& service, Body& body, Task& task);

// response_format (text, json_object, json_schema, regex), grammar (GBNF), json_schema and regex.
void read_format(Service& service, Body& body, Task& task);
void use_schema(Service& service, const ordered_json& schema, const std::string& path, Task& task);
void use_json_object(Service& service, Task& task);

// "model": absent, or this server's, else ApiError 404.
void check_model(const Service& service, Body& body);

}  // namespace tarn::server
