// tarn_generate_options, checked and made into a request to the engine.
#include <algorithm>
#include <cmath>
#include <limits>

#include "tarn/base/clock.h"
#include "tarn/capi/border.h"
#include "tarn/capi/conversation.h"
#include "tarn/capi/generation.h"
#include "tarn/lm/output_text.h"
#include "tarn/text/chat/calls_grammar.h"

namespace tarn::capi {
namespace {

constexpr size_t most_stops = 16;
constexpr double longest_timeout = 86400 * 365;
constexpr int most_calls = 8;  // that a constraint allows; more in one answer would be a loop

void read_prompt(LoadedState& state, const tarn_generate_options& options, Job& job) {
  const int given =
      (options.messages != nullptr) + (options.prompt != nullptr) + (options.tokens != nullptr);
  if (given != 1) {
    fail(ErrorCode::invalid_argument,
         "prompt: {} of messages, prompt and tokens are given; give exactly one", given);
  }
  if (options.messages == nullptr && (options.tools != nullptr || options.template_kwargs)) {
    fail(ErrorCode::invalid_argument, "tools, template_kwargs: they go with messages only");
  }
  if (options.messages != nullptr) {
    const Conversation conversation =
        read_conversation(options.messages, options.tools, options.template_kwargs);
    ChatPrompt prompt = chat_prompt(state.chat_model(), conversation);
    job.chat = true;
    job.in_reasoning = prompt.in_reasoning;
    job.tools = conversation.tools;
    job.request.prompt = std::move(prompt.tokens);
    job.request.options.snapshots = std::move(prompt.snapshots);
  } else if (options.prompt != nullptr) {
    job.request.prompt = state.loaded.tokenizer().encode(options.prompt, true).ids;
  } else {
    job.request.prompt.assign(options.tokens, options.tokens + options.num_tokens);
  }
  state.check_context(job.request.prompt.size());
}

void read_sampling(const LoadedState& state, const tarn_generate_options& options,
                   SamplerOptions& sampler) {
  sampler = suggested_options(state.loaded.defaults()).sampler;
  // Written so that NaN is taken over, and refused by the sampler.
  const auto set = [](double value, float& to) {
    if (!(value < 0)) to = static_cast<float>(value);
  };
  set(options.temperature, sampler.temperature);
  set(options.top_p, sampler.top_p);
  if (sampler.top_p == 0) sampler.top_p = std::numeric_limits<float>::min();  // the likeliest alone
  set(options.min_p, sampler.min_p);
  set(options.repetition_penalty, sampler.repetition_penalty);
  if (options.top_k >= 0) sampler.top_k = options.top_k;
  sampler.frequency_penalty = static_cast<float>(options.frequency_penalty);
  sampler.presence_penalty = static_cast<float>(options.presence_penalty);
  if (options.seed != -1) sampler.seed = static_cast<uint64_t>(options.seed);
}

void read_limits(const tarn_generate_options& options, EngineRequest& request) {
  request.options.max_tokens = options.max_tokens;
  request.options.ignore_end = options.ignore_end != 0;
  if (options.num_stop > most_stops) {
    fail(ErrorCode::invalid_argument, "stop: {} texts are given, and may be {}", options.num_stop,
         most_stops);
  }
  if (options.num_stop > 0) require(options.stop, "stop");
  for (size_t i = 0; i < options.num_stop; ++i) {
    require(options.stop[i], fmt::format("stop[{}]", i));
    if (*options.stop[i] == '\0') {
      fail(ErrorCode::invalid_argument, "stop[{}]: it is empty; leave it out", i);
    }
    request.options.stop.emplace_back(options.stop[i]);
  }
  if (!(options.timeout >= 0 && options.timeout <= longest_timeout)) {
    fail(ErrorCode::invalid_argument, "timeout: {} is not from 0 to {} seconds", options.timeout,
         longest_timeout);
  }
  if (options.timeout > 0) request.deadline = seconds_from_now(options.timeout);
}

text::TokenGrammar call_grammar(ChatModel& chat, const Job& job) {
  if (job.tools.is_null()) {
    fail(ErrorCode::invalid_argument, "constraint: a tool call needs tools to choose from");
  }
  return chat.call_grammar(fmt::format("calls:{}:{}", most_calls, job.tools.dump()), [&] {
    return text::calls_grammar(text::tool_envelope(chat.syntax().tools), job.tools, most_calls);
  });
}

text::TokenGrammar grammar(ChatModel& chat, const tarn_generate_options& options, const Job& job) {
  const int kind = number(options.constraint);
  if (kind == TARN_CONSTRAINT_TOOL_CALL) return call_grammar(chat, job);
  if (kind == TARN_CONSTRAINT_JSON) {
    return chat.grammar("json", [] { return text::Grammar::json_object(); });
  }
  if (kind < TARN_CONSTRAINT_NONE || kind > TARN_CONSTRAINT_TOOL_CALL) {
    fail(ErrorCode::invalid_argument, "constraint: {} is none of tarn_constraint's values", kind);
  }
  require(options.constraint_text, "constraint_text");
  const std::string source = options.constraint_text;
  return chat.grammar(fmt::format("{}:{}", kind, source), [&] {
    if (kind == TARN_CONSTRAINT_GBNF) return text::Grammar::from_gbnf(source);
    if (kind == TARN_CONSTRAINT_REGEX) return text::Grammar::from_regex(source);
    return text::Grammar::from_parsed_schema(parse_parameter(source.c_str(), "constraint_text"));
  });
}

}  // namespace

Job read_job(LoadedState& state, const tarn_generate_options& options) {
  Job job;
  EngineRequest& request = job.request;
  read_sampling(state, options, request.options.sampler);
  read_limits(options, request);
  read_prompt(state, options, job);
  if (state.chat) {
    request.options.end_tokens = state.chat->end_tokens();
    request.make_text = [&state, chat = job.chat]() -> std::unique_ptr<TokenText> {
      if (chat) return std::make_unique<OutputText>(*state.chat);
      return std::make_unique<DecodedText>(state.loaded.tokenizer());
    };
  } else {
    request.options.end_tokens = state.loaded.end_tokens();
  }
  if (number(options.constraint) != TARN_CONSTRAINT_NONE) {
    request.make_constraint = [&chat = state.chat_model(), inside = job.in_reasoning,
                               made = grammar(state.chat_model(), options, job)] {
      return std::make_unique<OutputConstraint>(chat, made, inside);
    };
  }
  return job;
}

}  // namespace tarn::capi
