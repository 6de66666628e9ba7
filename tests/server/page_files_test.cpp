#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <set>
#include <string>

#include "tarn/server/page/files.h"

namespace tarn::server {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string text_of(std::string_view path) {
  const PageFile* file = find_page_file(path);
  EXPECT_NE(file, nullptr) << path;
  return file == nullptr ? "" : std::string(file->bytes);
}

// `relative` as a file at `base` names it.
std::string resolve(std::string base, std::string relative) {
  base.resize(base.rfind('/'));
  while (relative.starts_with("./") || relative.starts_with("../")) {
    if (relative.starts_with("../")) base.resize(base.rfind('/'));
    relative.erase(0, relative.find('/') + 1);
  }
  return base + "/" + relative;
}

// Every first group of `pattern` in the file, resolved.
std::set<std::string> references(const PageFile& file, const char* pattern) {
  const std::regex regex(pattern);
  const std::string text(file.bytes);
  std::set<std::string> found;
  for (std::sregex_iterator match(text.begin(), text.end(), regex), end; match != end; ++match) {
    found.insert(resolve(std::string(file.path), (*match)[1]));
  }
  return found;
}

TEST(PageFiles, AreSortedAndUniqueByPath) {
  const auto files = page_files();
  ASSERT_FALSE(files.empty());
  EXPECT_EQ(std::ranges::adjacent_find(files, std::ranges::greater_equal{}, &PageFile::path),
            files.end());
  for (const PageFile& file : files) EXPECT_EQ(find_page_file(file.path), &file);
}

TEST(PageFiles, AreFoundByTheirWholePathOnly) {
  EXPECT_NE(find_page_file("/"), nullptr);
  for (const char* path :
       {"", "/page", "/page/", "/index.html", "/page/app/main.jsx", "/../", "~"}) {
    EXPECT_EQ(find_page_file(path), nullptr) << path;
  }
}

TEST(PageFiles, HoldTheirBytes) {
  EXPECT_THAT(text_of("/"), StartsWith("<!doctype html>"));
  EXPECT_THAT(text_of("/"), EndsWith("</html>\n"));
  EXPECT_THAT(text_of("/page/logo.svg"), EndsWith("</svg>\n"));
  // Binary: a zero byte does not end it.
  const std::string font = text_of("/page/lib/fonts/KaTeX_Main-Regular.woff2");
  EXPECT_THAT(font, StartsWith("wOF2"));
  EXPECT_GT(font.size(), 10000U);
  EXPECT_THAT(font, HasSubstr(std::string(1, '\0')));
}

TEST(PageFiles, HaveContentTypesAndStrongEtagsOfTheirOwn) {
  std::set<std::string_view> etags;
  for (const PageFile& file : page_files()) {
    EXPECT_TRUE(std::regex_match(std::string(file.etag), std::regex("\"[0-9a-f]{32}\"")))
        << file.path;
    EXPECT_TRUE(etags.insert(file.etag).second) << file.path << " has the ETag of another file";
    EXPECT_FALSE(file.content_type.empty()) << file.path;
  }
  EXPECT_EQ(find_page_file("/")->content_type, "text/html; charset=utf-8");
  EXPECT_EQ(find_page_file("/page/app/main.js")->content_type, "text/javascript; charset=utf-8");
  EXPECT_EQ(find_page_file("/page/style/base.css")->content_type, "text/css; charset=utf-8");
  EXPECT_EQ(find_page_file("/page/logo.svg")->content_type, "image/svg+xml");
}

TEST(PageFiles, NameOnlyFilesThatExist) {
  size_t checked = 0;
  for (const PageFile& file : page_files()) {
    std::set<std::string> named;
    if (file.path == "/") named = references(file, R"re((?:src|href)="([^"#]+)")re");
    if (file.path.starts_with("/page/app/")) {
      named = references(file, R"re((?:from|import)\s*\(?\s*['"](\.[^'"]+)['"])re");
    }
    for (const std::string& path : named)
      EXPECT_NE(find_page_file(path), nullptr) << path << " in " << file.path;
    checked += named.size();
  }
  EXPECT_GT(checked, 50U);
}

TEST(PageFiles, HaveNothingThatThePolicyForbids) {
  const std::string index = text_of("/");
  EXPECT_FALSE(std::regex_search(
      index, std::regex(R"re(<style|\sstyle=|\son\w+=|<script>|<script\s+(?!.*src=))re")));
  EXPECT_THAT(index, Not(HasSubstr("://")));
  for (const PageFile& file : page_files()) {
    if (!file.path.starts_with("/page/app/")) continue;
    for (const char* sink :
         {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("}) {
      EXPECT_THAT(std::string(file.bytes), Not(HasSubstr(sink))) << file.path;
    }
  }
}

TEST(PageSecurityPolicy, AllowsNothingInlineAndNothingFromOutside) {
  const std::string policy(kPageSecurityPolicy);
  EXPECT_THAT(policy, StartsWith("default-src 'none';"));
  for (const char* word : {"unsafe", "http", "*"}) EXPECT_THAT(policy, Not(HasSubstr(word)));
  EXPECT_THAT(policy, HasSubstr("require-trusted-types-for 'script'"));
}

}  // namespace
}  // namespace tarn::server
