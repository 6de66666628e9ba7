#include "tarn/text/regex.h"

#include "tarn/base/error.h"
#include "tarn/io/quote.h"
#include "tarn/text/regex_syntax.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace tarn::text {
namespace {

// What a single search may cost before it is given up as catastrophic.
constexpr uint32_t kMatchLimit = 20'000'000;
constexpr uint32_t kDepthLimit = 1'000'000;
constexpr uint32_t kHeapLimitKiB = 256 * 1024;
constexpr size_t kJitStack = size_t{1} << 20;

struct MatchContext {
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  pcre2_jit_stack* stack = pcre2_jit_stack_create(32 * 1024, kJitStack, nullptr);
  MatchContext() {
    pcre2_set_match_limit(context, kMatchLimit);
    pcre2_set_depth_limit(context, kDepthLimit);
    pcre2_set_heap_limit(context, kHeapLimitKiB);
    pcre2_jit_stack_assign(context, nullptr, stack);
  }
  ~MatchContext() {
    pcre2_jit_stack_free(stack);
    pcre2_match_context_free(context);
  }
  MatchContext(const MatchContext&) = delete;
  MatchContext& operator=(const MatchContext&) = delete;
};

pcre2_match_context* match_context() {
  thread_local const MatchContext context;
  return context.context;
}

std::string error_text(int code) {
  PCRE2_UCHAR buffer[256];
  pcre2_get_error_message(code, buffer, sizeof buffer);
  return reinterpret_cast<const char*>(buffer);
}

pcre2_code* compile(std::string_view pattern, int& error, size_t& offset) {
  pcre2_compile_context* context = pcre2_compile_context_create(nullptr);
  pcre2_set_newline(context, PCRE2_NEWLINE_LF);
  pcre2_code* code = pcre2_compile(
      reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &error, &offset, context);
  pcre2_compile_context_free(context);
  return code;
}

}  // namespace

struct Regex::State {
  std::string pattern;  // as written, for errors
  std::string where;
  pcre2_code* code = nullptr;
  bool jit = false;
  ~State() { pcre2_code_free(code); }
};

Regex::Regex(std::string_view pattern, std::string_view where) : state_(std::make_unique<State>()) {
  state_->pattern = pattern;
  state_->where = where;
  const std::string translated = pcre2_pattern(pattern, where);
  int error = 0;
  size_t offset = 0;
  state_->code = compile(translated, error, offset);
  if (state_->code == nullptr) {
    fail(ErrorCode::corrupt, "{}: regular expression {} does not compile: {} (read as {})", where,
         quote(pattern), error_text(error), quote(translated));
  }
  state_->jit = pcre2_jit_compile(state_->code, PCRE2_JIT_COMPLETE) == 0;
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

bool pcre2_accepts(std::string_view pattern) {
  int error = 0;
  size_t offset = 0;
  pcre2_code* code = compile(pattern, error, offset);
  pcre2_code_free(code);
  return code != nullptr;
}

RegexSearch::RegexSearch(const Regex& regex)
    : regex_(*regex.state_), match_data_(pcre2_match_data_create(1, nullptr)) {}

RegexSearch::~RegexSearch() { pcre2_match_data_free(static_cast<pcre2_match_data*>(match_data_)); }

void RegexSearch::reset(std::string_view text) {
  text_ = text;
  pos_ = 0;
  last_end_ = std::string_view::npos;
}

bool RegexSearch::next(Span& match) {
  auto* data = static_cast<pcre2_match_data*>(match_data_);
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text_.data());
  while (pos_ <= text_.size()) {
    int rc = PCRE2_ERROR_JIT_STACKLIMIT;
    if (regex_.jit) {
      rc = pcre2_jit_match(regex_.code, subject, text_.size(), pos_, PCRE2_NO_UTF_CHECK, data,
                           match_context());
    }
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) {  // the interpreter keeps its stack on the heap
      rc = pcre2_match(regex_.code, subject, text_.size(), pos_, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
                       data, match_context());
    }
    if (rc == PCRE2_ERROR_NOMATCH) {
      pos_ = text_.size() + 1;
      return false;
    }
    if (rc < 0) {
      fail(ErrorCode::unsupported,
           "{}: regular expression {} gave up on a text of {} bytes: {}; shorten the text or "
           "simplify the expression",
           regex_.where, quote(regex_.pattern), text_.size(), error_text(rc));
    }
    const PCRE2_SIZE* range = pcre2_get_ovector_pointer(data);
    const size_t begin = range[0];
    const size_t end = range[1];
    if (begin > end || end < pos_) {  // \K in a lookaround
      fail(ErrorCode::unsupported, "{}: regular expression {} moves its match backwards",
           regex_.where, quote(regex_.pattern));
    }
    if (begin == end && end == last_end_) {
      pos_ = end < text_.size() ? end + char_bytes(text_[end]) : end + 1;
      continue;
    }
    pos_ = end;
    last_end_ = end;
    match = {static_cast<uint32_t>(begin), static_cast<uint32_t>(end)};
    return true;
  }
  return false;
}

}  // namespace tarn::text
