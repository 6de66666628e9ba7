// One generation on behalf of a request: from a prompt to deltas of reasoning, content and calls.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tarn/base/json.h"
#include "tarn/server/api_error.h"
#include "tarn/server/http/message.h"
#include "tarn/server/service.h"
#include "tarn/text/chat/output_parser.h"

namespace tarn::server {

struct Task {
  std::vector<int32_t> prompt;
  std::vector<int64_t> snapshots;  // lengths of the prompt's beginning that others may share
  GenerateOptions options;
  size_t choices = 1;
  std::string client;             // whom queues are fair to
  std::optional<double> timeout;  // seconds
  std::optional<text::TokenGrammar> grammar;

  bool chat = false;          // the output is read for reasoning and calls; else it is content
  bool in_reasoning = false;  // the prompt has opened reasoning
  ordered_json tools;         // OpenAI's list; null: none
  bool parse_tools = false;
};

// One token with its probabilities; only where the task asks for them.
struct TokenInfo {
  int32_t id;
  std::string text;
  Logprobs logprobs;
};

struct Usage {
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;
  int64_t completion_tokens = 0;
  int64_t reasoning_tokens = 0;
  double prefill_seconds = 0;
  double first_token_seconds = 0;  // from the request
  double decode_seconds = 0;       // of the first choice
  int64_t decoded_tokens = 0;      // of the first choice
};

struct ChoiceEnd {
  FinishReason reason = FinishReason::stop;
  bool calls = false;       // the answer holds calls
  std::string stop_string;  // that ended it
};

// Takes what a task gives. Called from the engine's thread, in this order: begin; events and end of
// each choice; done. Or, at any point, failed, and then nothing more.
class Receiver {
 public:
  virtual ~Receiver() = default;
  virtual void begin(const Usage&) {}
  virtual void events(size_t choice, const std::vector<text::OutputEvent>& events,
                      std::span<const TokenInfo> tokens) = 0;
  virtual void end(size_t choice, const ChoiceEnd& end) = 0;
  virtual void done(const Usage& usage) = 0;
  virtual void failed(const ApiError& error) = 0;
};

// Submits the task. Errors before that are thrown; later ones go to the receiver. The answer is
// cancelled when the responder's client goes, and pauses while the client does not read.
// submit() leaves it to the caller to watch the responder.
Engine::Id submit(Service& service, Task task, const std::shared_ptr<Responder>& responder,
                  std::shared_ptr<Receiver> receiver);
void run(Service& service, Task task, const std::shared_ptr<Responder>& responder,
         std::shared_ptr<Receiver> receiver);

// A choice as a whole.
struct ChoiceResult {
  struct Call {
    std::string id;
    std::string name;
    std::string arguments;
  };
  std::string reasoning;
  std::string content;
  std::vector<Call> calls;
  std::vector<TokenInfo> tokens;
  ChoiceEnd end;
};

// Collects whole answers and sends what `make` makes of them, or of an error.
std::shared_ptr<Receiver> whole_answer(
    std::shared_ptr<Responder> responder, size_t choices,
    std::function<HttpResponse(const std::vector<ChoiceResult>&, const Usage&)> make,
    std::function<HttpResponse(const ApiError&)> make_error);

// What Tarn tells of speed beside each API's own usage.
ordered_json timings_json(const Service& service, const Usage& usage);

}  // namespace tarn::server
