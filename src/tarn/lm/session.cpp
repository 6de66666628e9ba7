#include "tarn/lm/session.h"

#include <algorithm>

#include "tarn/base/error.h"
#include "tarn/base/json.h"
#include "tarn/base/log.h"

namespace tarn {
namespace {

bool is_system(const ordered_json& message) { return message.at("role") == "system"; }

}  // namespace

struct Session::State {
  ordered_json messages = ordered_json::array();
  ordered_json kwargs = ordered_json::object();
  std::optional<ordered_json> tools;
};

Session::Session(const LoadedModel& model)
    : model_(model), cache_(model.model()), state_(std::make_unique<State>()) {
  model_.tokenizer();  // says what is missing now, not after the first question
  model_.chat_template();
}

Session::~Session() = default;

void Session::set_system(std::string_view text) {
  ordered_json& messages = state_->messages;
  if (!messages.empty() && is_system(messages[0])) messages.erase(messages.begin());
  if (text.empty()) return;
  messages.insert(messages.begin(), ordered_json{{"role", "system"}, {"content", text}});
}

std::string Session::system() const {
  const ordered_json& messages = state_->messages;
  if (messages.empty() || !is_system(messages[0])) return {};
  const ordered_json& content = messages[0].at("content");
  return content.is_string() ? content.get<std::string>() : content.dump();
}

void Session::set_thinking(std::optional<bool> enabled) {
  state_->kwargs = ordered_json::object();
  if (enabled) state_->kwargs = {{"enable_thinking", *enabled}, {"thinking", *enabled}};
}

void Session::set_tools(const ordered_json& tools) {
  state_->tools = tools.is_null() ? std::nullopt : std::optional(tools);
}

void Session::clear() {
  const std::string kept = system();
  state_->messages = ordered_json::array();
  set_system(kept);
}

const ordered_json& Session::messages() const { return state_->messages; }

void Session::set_messages(const ordered_json& messages, std::string_view source) {
  const auto is_message = [](const ordered_json& m) {
    return m.is_object() && m.contains("role") && m.at("role").is_string() && m.contains("content");
  };
  if (!messages.is_array() || !std::all_of(messages.begin(), messages.end(), is_message)) {
    fail(ErrorCode::corrupt,
         "{}: it is not a conversation, which is a JSON array of objects with \"role\" and "
         "\"content\"; choose a file written by /save",
         source);
  }
  state_->messages = messages;
}

std::string Session::render(bool add_generation_prompt) const {
  return model_.render(state_->messages, state_->tools ? &*state_->tools : nullptr, &state_->kwargs,
                       add_generation_prompt);
}

Reply Session::answer(std::string_view user, GenerateOptions options,
                      const ReasoningSplitter::Show& show) {
  state_->messages.push_back({{"role", "user"}, {"content", user}});
  Reply reply;
  try {
    reply = generate_reply(options, show);
  } catch (...) {
    state_->messages.erase(state_->messages.end() - 1);
    throw;
  }
  ordered_json message{{"role", "assistant"}, {"content", reply.answer}};
  if (!reply.reasoning.empty()) message["reasoning_content"] = reply.reasoning;
  state_->messages.push_back(std::move(message));
  return reply;
}

// Where a recurrent model's state is kept: behind the last message, before what opens the answer.
// The next turn's prompt has those tokens too, whatever its template makes of this answer.
std::vector<int64_t> Session::snapshot_lengths(const std::vector<int32_t>& prompt) const {
  if (cache_.trims()) return {};
  std::vector<int32_t> messages;
  try {
    messages = model_.tokenizer().encode(render(false), false).ids;
  } catch (const Error& error) {
    // Some templates render nothing but prompts; then the next turn starts from the beginning.
    logging::debug("no snapshot: {}", error.what());
    return {};
  }
  const size_t limit = std::min(messages.size(), prompt.size());
  const auto end = messages.begin() + static_cast<ptrdiff_t>(limit);
  const auto common = std::mismatch(messages.begin(), end, prompt.begin()).first - messages.begin();
  if (common == 0) return {};
  return {static_cast<int64_t>(common)};
}

Reply Session::generate_reply(GenerateOptions& options, const ReasoningSplitter::Show& show) {
  const std::string text = render(true);
  std::vector<int32_t> sequence = model_.tokenizer().encode(text, false).ids;
  check_prompt(model_.model(), sequence, options);
  DecodedText decoded(model_.tokenizer(), false);
  options.text = &decoded;
  options.snapshots = snapshot_lengths(sequence);
  if (options.end_tokens.empty()) options.end_tokens = model_.end_tokens();

  ReasoningSplitter splitter(ends_in_reasoning(text), show);
  Cache cache = cache_.take(sequence);
  Reply reply;
  reply.generated =
      generate(model_.model(), cache, sequence, options, [&](const TokenEvent& event) {
        splitter.push(event.text);
        return true;
      });
  splitter.finish();
  reply.reasoning = splitter.reasoning();
  reply.answer = splitter.answer();
  const std::vector<int32_t>& tokens = reply.generated.tokens;
  sequence.insert(sequence.end(), tokens.begin(), tokens.end());
  sequence.resize(static_cast<size_t>(cache.position()));
  cache_.keep(std::move(sequence), std::move(cache), std::move(reply.generated.snapshots));
  reply.generated.snapshots.clear();
  return reply;
}

}  // namespace tarn
