#include "tarn/text/unicode_scripts.h"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>

#include "tarn/text/regex_syntax.h"

namespace tarn::text {
namespace {

// Every script of the Unicode standard; those that the regex library does not know are left out.
constexpr std::string_view kScripts =
    "Latin Common Cyrillic Greek Arabic Hebrew Hangul Devanagari Thai Inherited Adlam Ahom "
    "Anatolian_Hieroglyphs Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki "
    "Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian "
    "Chakma Cham Cherokee Chorasmian Coptic Cuneiform Cypriot Cypro_Minoan Deseret "
    "Dives_Akuru Dogra Duployan Egyptian_Hieroglyphs Elbasan Elymaic Ethiopic Georgian "
    "Glagolitic Gothic Grantha Gujarati Gunjala_Gondi Gurmukhi Hanifi_Rohingya Hanunoo Hatran "
    "Imperial_Aramaic Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada "
    "Kawi Kayah_Li Kharoshthi Khitan_Small_Script Khmer Khojki Khudawadi Lao Lepcha Limbu "
    "Linear_A Linear_B Lisu Lycian Lydian Mahajani Makasar Malayalam Mandaic Manichaean "
    "Marchen Masaram_Gondi Medefaidrin Meetei_Mayek Mende_Kikakui Meroitic_Cursive "
    "Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar Nabataean Nag_Mundari "
    "Nandinagari New_Tai_Lue Newa Nko Nushu Nyiakeng_Puachue_Hmong Ogham Ol_Chiki "
    "Old_Hungarian Old_Italic Old_North_Arabian Old_Permic Old_Persian Old_Sogdian "
    "Old_South_Arabian Old_Turkic Old_Uyghur Oriya Osage Osmanya Pahawh_Hmong Palmyrene "
    "Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic Samaritan Saurashtra "
    "Sharada Shavian Siddham SignWriting Sinhala Sogdian Sora_Sompeng Soyombo Sundanese "
    "Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil Tangsa Tangut "
    "Telugu Thaana Tibetan Tifinagh Tirhuta Toto Ugaritic Vai Vithkuqi Wancho Warang_Citi "
    "Yezidi Yi Zanabazar_Square";

std::string run_of(const std::string& members) {
  // U+30FC is of the common script but belongs with the kana.
  return fmt::format(R"((?![ \x{{30fc}}])[{0}](?:[ \p{{Cn}}\p{{Co}}]|(?!\x{{30fc}})[{0}])*)",
                     members);
}

}  // namespace

std::string script_run_pattern() {
  std::string pattern =
      fmt::format("[{0}][{0} \\p{{Cn}}\\p{{Co}}]*", "\\p{Han}\\p{Hiragana}\\p{Katakana}\\x{30fc}");
  for (size_t begin = 0; begin < kScripts.size();) {
    const size_t end = std::min(kScripts.find(' ', begin), kScripts.size());
    const std::string_view script = kScripts.substr(begin, end - begin);
    begin = end + 1;
    if (!pcre2_accepts(fmt::format("\\p{{sc:{}}}", script))) continue;
    pattern += '|';
    pattern += run_of(fmt::format("\\p{{{}}}", script));
  }
  return pattern;
}

}  // namespace tarn::text
