#include "tarn/text/grammar/schema_formats.h"

#include <utility>

namespace tarn::text::grammar {
namespace {

#define TARN_DATE                                                       \
  "(?:[1-9][0-9]{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"   \
  "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))" \
  "|(?:[1-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:[2468][048]|[13579][26])00)-02-29)"
#define TARN_TIME                                                \
  "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,6})?" \
  "(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
#define TARN_LABEL "[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?"
#define TARN_HOST TARN_LABEL "(?:\\." TARN_LABEL "){0,5}"
#define TARN_BYTE "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
#define TARN_IPV4 TARN_BYTE "(?:\\." TARN_BYTE "){3}"
#define TARN_HEX "[0-9A-Fa-f]{1,4}"
#define TARN_PATH "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"

constexpr std::pair<std::string_view, std::string_view> kFormats[] = {
    {"date", TARN_DATE},
    {"time", TARN_TIME},
    {"date-time", TARN_DATE "T" TARN_TIME},
    {"duration",
     "P(?:[0-9]{1,6}W|(?:[0-9]{1,6}Y(?:[0-9]{1,6}M(?:[0-9]{1,6}D)?)?|[0-9]{1,6}M(?:[0-9]{1,6}D)?"
     "|[0-9]{1,6}D)(?:T(?:[0-9]{1,6}H(?:[0-9]{1,6}M(?:[0-9]{1,6}S)?)?|[0-9]{1,6}M(?:[0-9]{1,6}S)?"
     "|[0-9]{1,6}S))?|T(?:[0-9]{1,6}H(?:[0-9]{1,6}M(?:[0-9]{1,6}S)?)?|[0-9]{1,6}M(?:[0-9]{1,6}S)?"
     "|[0-9]{1,6}S))"},
    {"uuid", "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"},
    {"email", "[A-Za-z0-9_+-]{1,24}(?:\\.[A-Za-z0-9_+-]{1,12}){0,3}@" TARN_LABEL "(?:\\." TARN_LABEL
              "){1,4}"},
    {"hostname", TARN_HOST},
    {"ipv4", TARN_IPV4},
    {"ipv6", "(?:" TARN_HEX "(?::" TARN_HEX "){7}|(?:" TARN_HEX ":){1,6}:" TARN_HEX "|::1?)"},
    {"uri", "[a-z][a-z0-9+.-]{0,15}://" TARN_HOST "(?::[1-9][0-9]{0,3})?(?:/" TARN_PATH
            "{0,60}){0,10}(?:\\?" TARN_PATH "{0,60})?(?:#" TARN_PATH "{0,60})?"},
    {"byte", "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"},
    {"json-pointer", "(?:/(?:[^~/]|~[01])*)*"},
};

#undef TARN_DATE
#undef TARN_TIME
#undef TARN_LABEL
#undef TARN_HOST
#undef TARN_BYTE
#undef TARN_IPV4
#undef TARN_HEX
#undef TARN_PATH

}  // namespace

std::optional<std::string_view> format_pattern(std::string_view format) {
  for (const auto& [name, pattern] : kFormats) {
    if (name == format) return pattern;
  }
  return std::nullopt;
}

}  // namespace tarn::text::grammar
