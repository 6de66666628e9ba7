#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tarn/base/error.h"
#include "tests/server/pebble_server.h"
#include "tests/support/errors.h"

namespace tarn::testing {
namespace {

using server::Access;
using server::AccessOptions;
using server::HttpRequest;
using ::testing::HasSubstr;

HttpRequest request(std::map<std::string, std::string, std::less<>> headers) {
  headers.emplace("host", "localhost:8080");
  HttpRequest made;
  made.method = "POST";
  made.path = "/v1/chat/completions";
  made.headers = std::move(headers);
  made.peer = "127.0.0.1";
  return made;
}

// Options of which one is set.
template <typename T>
AccessOptions with(T AccessOptions::*option, const T& value) {
  AccessOptions options;
  options.*option = value;
  return options;
}

// 0: let in.
int status(const Access& access, std::map<std::string, std::string, std::less<>> headers,
           bool open = false) {
  const auto error = access.check(request(std::move(headers)), open);
  return error ? error->status() : 0;
}

class KeyFile {
 public:
  explicit KeyFile(const std::string& text) { write(text); }
  ~KeyFile() { std::filesystem::remove(path); }
  void write(const std::string& text) const { std::ofstream(path) << text; }
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / fmt::format("tarn-keys-{}", ::getpid());
};

TEST(Access, TakesKeysWhereClientsPutThem) {
  const Access access(with(&AccessOptions::keys, {"one", "two"}), "127.0.0.1");
  EXPECT_EQ(status(access, {{"authorization", "Bearer one"}}), 0);
  EXPECT_EQ(status(access, {{"authorization", "bearer two"}}), 0);
  EXPECT_EQ(status(access, {{"x-api-key", "two"}}), 0);
  EXPECT_EQ(status(access, {{"api-key", "one"}}), 0);
  for (const char* wrong : {"Bearer three", "Bearer ", "Bearer", "one", "Basic one", "Bearer one ",
                            "Bearer One", "Bearer on", "Bearer onee"}) {
    EXPECT_EQ(status(access, {{"authorization", wrong}}), 401) << wrong;
  }
  EXPECT_EQ(status(access, {}), 401);
  EXPECT_EQ(status(access, {}, true), 0);
}

TEST(Access, AKeyThatIsWrongIsNotToldBack) {
  const Access access(with(&AccessOptions::keys, {"right"}), "127.0.0.1");
  const auto error = access.check(request({{"authorization", "Bearer s3cret"}}), false);
  ASSERT_TRUE(error);
  EXPECT_THAT(error->what(), ::testing::Not(HasSubstr("s3cret")));
}

TEST(Access, ReadsTheKeyFileAgain) {
  const KeyFile file("# team\nfirst\r\n\nsecond  \n");
  Access access(with(&AccessOptions::key_file, file.path), "127.0.0.1");
  EXPECT_EQ(status(access, {{"x-api-key", "first"}}), 0);
  EXPECT_EQ(status(access, {{"x-api-key", "second"}}), 0);
  EXPECT_EQ(status(access, {{"x-api-key", "# team"}}), 401);
  file.write("third\n");
  EXPECT_EQ(status(access, {{"x-api-key", "third"}}), 401);
  access.reload();
  EXPECT_EQ(status(access, {{"x-api-key", "third"}}), 0);
  EXPECT_EQ(status(access, {{"x-api-key", "first"}}), 401);
  file.write("# none is left\n");
  EXPECT_THAT(error_of([&] { access.reload(); }), HasSubstr("holds no key"));
  std::filesystem::remove(file.path);
  EXPECT_THAT(error_of([&] { access.reload(); }), HasSubstr(file.path.string()));
  EXPECT_EQ(status(access, {{"x-api-key", "third"}}), 0);
}

TEST(Access, AddressesThatOthersReachNeedAKey) {
  for (const char* address : {"0.0.0.0", "192.168.1.4", "::", "10.0.0.1"}) {
    EXPECT_THAT(error_of([&] { const Access access({}, address); }), HasSubstr("--api-key"))
        << address;
    EXPECT_EQ(error_of([&] { const Access access(with(&AccessOptions::no_auth, true), address); }),
              "no error");
    EXPECT_EQ(error_of([&] { const Access access(with(&AccessOptions::keys, {"k"}), address); }),
              "no error");
  }
  for (const char* address : {"127.0.0.1", "127.0.0.53", "::1"}) {
    EXPECT_EQ(error_of([&] { const Access access({}, address); }), "no error");
  }
  EXPECT_THAT(error_of([&] { const Access access(with(&AccessOptions::keys, {""}), "127.0.0.1"); }),
              HasSubstr("empty"));
}

TEST(Access, ALoopbackServerAnswersToLoopbackNamesOnly) {
  const Access access(with(&AccessOptions::hosts, {"box.lan"}), "127.0.0.1");
  for (const char* host : {"localhost", "localhost:8080", "LOCALHOST", "127.0.0.1:80", "[::1]:8080",
                           "chat.localhost:1", "box.lan", "Box.lan:8080"}) {
    EXPECT_EQ(status(access, {{"host", host}}), 0) << host;
  }
  // The last ones are names anybody may register that begin as an address does.
  for (const char* host : {"evil.example", "localhost.evil.example", "evil.example:8080", "[::2]",
                           "127.evil.example", "127.0.0.1.evil.example:80"}) {
    EXPECT_EQ(status(access, {{"host", host}}), 403) << host;
    EXPECT_EQ(status(access, {{"host", host}}, true), 403) << host;
  }
}

TEST(Access, PagesOfOtherOriginsMayNotCall) {
  const Access access(with(&AccessOptions::origins, {"https://app.example"}), "127.0.0.1");
  EXPECT_EQ(status(access, {{"origin", "http://localhost:8080"}}), 0);
  EXPECT_EQ(status(access, {{"origin", "https://app.example"}}), 0);
  for (const char* origin : {"https://evil.example", "http://app.example", "null",
                             "https://app.example.evil.example", "http://localhost:9999"}) {
    EXPECT_EQ(status(access, {{"origin", origin}}), 403) << origin;
  }
  EXPECT_TRUE(access.cors(request({{"origin", "https://evil.example"}})).empty());
  EXPECT_TRUE(access.cors(request({})).empty());
  const Access any(with(&AccessOptions::origins, {"*"}), "127.0.0.1");
  EXPECT_EQ(status(any, {{"origin", "https://anything.example"}}), 0);
}

TEST(Access, TheServerAsksForKeysButNotForHealth) {
  const PebbleServer server([](auto& o) { o.access.keys = {"right"}; });
  EXPECT_EQ(server.get("/health").status, 200);
  EXPECT_EQ(server.get("/").status, 200);
  EXPECT_EQ(server.get("/metrics").status, 401);
  const std::string body = PebbleServer::completion(2, false);
  const RawResponse missing = server.post("/v1/completions", body);
  EXPECT_EQ(missing.status, 401);
  EXPECT_EQ(missing.header("WWW-Authenticate"), "Bearer");
  EXPECT_EQ(server.post("/v1/completions", body, "Authorization: Bearer wrong\r\n").status, 401);
  EXPECT_EQ(server.post("/v1/completions", body, "Authorization: Bearer right\r\n").status, 200);
  EXPECT_EQ(server.post("/v1/completions", body, "X-Api-Key: right\r\n").status, 200);
}

TEST(Access, TheServerGivesLeaveToListedPages) {
  const PebbleServer server([](auto& o) {
    o.access.keys = {"right"};
    o.access.origins = {"https://app.example"};
  });
  const auto preflight = [&](const std::string& origin) {
    RawClient client(server.port());
    client.send("OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nOrigin: " + origin +
                "\r\nAccess-Control-Request-Method: POST\r\n\r\n");
    return client.read();
  };
  const RawResponse leave = preflight("https://app.example");
  EXPECT_EQ(leave.status, 204);
  EXPECT_EQ(leave.header("Access-Control-Allow-Origin"), "https://app.example");
  EXPECT_THAT(leave.header("Access-Control-Allow-Headers"), HasSubstr("Authorization"));
  EXPECT_EQ(leave.header("Vary"), "Origin");
  EXPECT_EQ(preflight("https://evil.example").status, 403);
  // Errors too must be readable by the page that asked.
  const RawResponse refused =
      server.post("/v1/completions", "{}", "Origin: https://app.example\r\n");
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.header("Access-Control-Allow-Origin"), "https://app.example");
}

}  // namespace
}  // namespace tarn::testing
