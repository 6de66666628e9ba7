#include "tarn/server/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <map>
#include <memory>
#include <regex>
#include <sstream>
#include <vector>

#include "tests/server/pebble_server.h"

namespace tarn::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string text_of(const RawResponse& response) {
  EXPECT_EQ(response.status, 200) << response.body;
  return nlohmann::json::parse(response.body)["choices"][0]["text"].get<std::string>();
}

TEST(Server, AFullQueueRefusesWithATime) {
  PebbleServer server([](auto& o) {
    o.service.engine.max_sequences = 1;
    o.service.engine.max_queue = 1;
  });
  RawClient first(server.port()), second(server.port());
  first.send(PebbleServer::completion_text(1900, true));
  ASSERT_TRUE(server.soon_running(1));
  second.send(PebbleServer::completion_text(10, false));
  ASSERT_TRUE(PebbleServer::soon([&] { return server.stats().waiting == 1; }));
  const RawResponse refused = server.post("/v1/completions", PebbleServer::completion(10, false));
  EXPECT_EQ(refused.status, 429);
  EXPECT_GE(std::atoi(refused.header("Retry-After").c_str()), 1);
  EXPECT_THAT(refused.body, HasSubstr("\"queue_full\""));
  first.close();
  EXPECT_EQ(second.read().status, 200);
}

TEST(Server, WithoutAQueueTheFreePlacesAreStillTaken) {
  const PebbleServer server([](auto& o) { o.service.engine.max_queue = 0; });
  EXPECT_EQ(server.post("/v1/completions", PebbleServer::completion(2, false)).status, 200);
}

class Disconnect : public ::testing::TestWithParam<bool> {};

TEST_P(Disconnect, FreesThePlaceWithinAStep) {
  PebbleServer server;
  RawClient client(server.port());
  client.send(PebbleServer::completion_text(1900, GetParam()));
  ASSERT_TRUE(server.soon_running(1));
  ASSERT_TRUE(PebbleServer::soon([&] { return server.stats().steps > 2; }));
  client.close();
  ASSERT_TRUE(server.soon_running(0));
  const EngineStats stats = server.stats();
  EXPECT_EQ(stats.cancelled, 1U);
  EXPECT_LT(stats.generated_tokens, 1900U);
}

TEST_P(Disconnect, TakesAWaitingRequestOutOfTheQueue) {
  PebbleServer server([](auto& o) { o.service.engine.max_sequences = 1; });
  RawClient first(server.port()), second(server.port());
  first.send(PebbleServer::completion_text(1900, true));
  ASSERT_TRUE(server.soon_running(1));
  second.send(PebbleServer::completion_text(10, GetParam()));
  ASSERT_TRUE(PebbleServer::soon([&] { return server.stats().waiting == 1; }));
  second.close();
  EXPECT_TRUE(PebbleServer::soon([&] { return server.stats().waiting == 0; }));
  EXPECT_EQ(server.stats().running, 1);
}

INSTANTIATE_TEST_SUITE_P(, Disconnect, ::testing::Values(true, false),
                         [](const auto& tested) { return tested.param ? "Streamed" : "Whole"; });

TEST(Server, HeedsDeadlines) {
  PebbleServer server([](auto& o) { o.service.engine.max_sequences = 1; });
  const std::string body =
      R"({"prompt":"Once","max_tokens":1900,"ignore_eos":true,"timeout":0.05})";
  const RawResponse late = server.post("/v1/completions", body);
  EXPECT_EQ(late.status, 408);
  RawClient first(server.port());
  first.send(PebbleServer::completion_text(1900, true));
  ASSERT_TRUE(server.soon_running(1));
  EXPECT_EQ(server.post("/v1/completions", body).status, 408);  // while it waits
  EXPECT_EQ(server.stats().running, 1);
}

TEST(Server, DrainingAnswersWhatRunsAndRefusesMore) {
  PebbleServer server;
  RawClient running(server.port()), later(server.port());
  later.send(PebbleServer::get_text("/ready"));
  EXPECT_EQ(later.read().status, 200);
  running.send(PebbleServer::completion_text(300, true));
  ASSERT_TRUE(server.soon_running(1));
  auto drained = std::async(std::launch::async, [&] { return server.server().drain(60s); });
  EXPECT_TRUE(PebbleServer::soon([&] {
    try {
      const RawClient another(server.port());
      return false;
    } catch (const std::exception&) {
      return true;
    }
  }));
  later.send(PebbleServer::completion_text(2, false));
  const RawResponse refused = later.read();
  EXPECT_EQ(refused.status, 503);
  EXPECT_NE(refused.header("Retry-After"), "");
  EXPECT_THAT(refused.body, HasSubstr("shutting_down"));
  EXPECT_THAT(running.read().body, HasSubstr("data: [DONE]"));
  EXPECT_TRUE(drained.get());
}

TEST(Server, DrainingGivesUpAfterItsTime) {
  PebbleServer server;
  RawClient running(server.port());
  running.send(PebbleServer::completion_text(1900, true));
  ASSERT_TRUE(server.soon_running(1));
  EXPECT_FALSE(server.server().drain(1ms));
}

TEST(Server, EndsWithAnswersUnderWay) {
  std::vector<std::unique_ptr<RawClient>> clients;
  {
    PebbleServer server;
    for (int i = 0; i < 5; ++i) {
      clients.push_back(std::make_unique<RawClient>(server.port()));
      clients.back()->send(PebbleServer::completion_text(1900, i % 2 == 0));
    }
    ASSERT_TRUE(server.soon_running(2));
  }
  clients[1]->read();
  EXPECT_TRUE(clients[1]->ends());
}

TEST(Server, RefusesBodiesThatAreNoSoundJson) {
  const PebbleServer server;
  const auto nested = [](int depth) {
    return R"({"messages":)" + std::string(static_cast<size_t>(depth), '[') +
           std::string(static_cast<size_t>(depth), ']') + "}";
  };
  for (const std::string& body :
       {nested(100), nested(100'000), std::string(1'000'000, '['), std::string("{"),
        std::string("nonsense"), std::string("\0\0", 2), std::string("[]"), std::string(),
        std::string("{\"a\":1,\"a\":2}"), std::string("{\"prompt\":\"\xff\xfe\"}")}) {
    for (const char* path : {"/v1/chat/completions", "/v1/messages", "/api/chat", "/tokenize"}) {
      EXPECT_EQ(server.post(path, body).status, 400) << path << ": " << body.substr(0, 40);
    }
  }
}

TEST(Server, NamesPathsAndMethodsThatAreNotThere) {
  const PebbleServer server;
  EXPECT_EQ(server.get("/v1/nothing").status, 404);
  EXPECT_EQ(server.get("/v1/chat/completions").status, 405);
  EXPECT_EQ(server.post("/v1/models", "{}").status, 405);
}

// Each line of the text is a comment or a sample; the samples by their names and labels.
std::map<std::string, double> samples(const std::string& text) {
  static const std::regex sample(R"(([a-z_]+(?:\{[^}]*\})?) ([-+0-9.e]+|\+Inf|nan))");
  static const std::regex comment(R"(# (HELP [a-z_]+ .+|TYPE [a-z_]+ (counter|gauge|histogram)))");
  std::map<std::string, double> found;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, comment)) continue;
    EXPECT_TRUE(std::regex_match(line, match, sample)) << line;
    if (match.empty()) continue;
    EXPECT_TRUE(found.emplace(match[1], std::stod(match[2])).second) << line;
  }
  return found;
}

TEST(Server, MetricsCountWhatHappened) {
  const PebbleServer server;
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(server.post("/v1/completions", PebbleServer::completion(5, i == 0)).status, 200);
  }
  EXPECT_EQ(server.post("/v1/completions", "{}").status, 400);
  EXPECT_EQ(server.get("/nowhere").status, 404);
  std::map<std::string, double> now;
  ASSERT_TRUE(PebbleServer::soon([&] {
    now = samples(server.get("/metrics").body);
    return now["tarn_running_requests"] == 0;
  }));
  EXPECT_EQ(now[R"(tarn_requests_total{route="/v1/completions",status="200"})"], 2);
  EXPECT_EQ(now[R"(tarn_requests_total{route="/v1/completions",status="400"})"], 1);
  EXPECT_EQ(now[R"(tarn_requests_total{route="none",status="404"})"], 1);
  EXPECT_EQ(now["tarn_accepted_total"], 2);
  EXPECT_EQ(now["tarn_finished_total"], 2);
  EXPECT_EQ(now["tarn_generated_tokens_total"], 10);
  EXPECT_EQ(now["tarn_time_to_first_token_seconds_count"], 2);
  EXPECT_EQ(now[R"(tarn_request_seconds_bucket{le="+Inf"})"], 2);
  EXPECT_GT(now["tarn_resident_bytes"], 1e6);
  EXPECT_GE(now["tarn_connections"], 1);
}

TEST(Server, TheSamePromptHasTheSameAnswerWhateverElseRuns) {
  const PebbleServer server([](auto& o) {
    o.service.engine.max_sequences = 4;
    o.service.engine.max_queue = 64;
  });
  const std::string body = PebbleServer::completion(60, false, "The sun rises in the");
  const std::string alone = text_of(server.post("/v1/completions", body));
  std::vector<std::future<RawResponse>> all;
  for (int i = 0; i < 16; ++i) {
    const std::string other = PebbleServer::completion(
        7 * i + 5, false, std::string(static_cast<size_t>(i), 'x') + "Once");
    all.push_back(std::async(std::launch::async,
                             [&server, other] { return server.post("/v1/completions", other); }));
    all.push_back(std::async(std::launch::async,
                             [&server, &body] { return server.post("/v1/completions", body); }));
  }
  for (size_t i = 0; i < all.size(); ++i) {
    const std::string text = text_of(all[i].get());
    if (i % 2 == 1) {
      EXPECT_EQ(text, alone);
    }
  }
}

TEST(Server, TheLogHoldsNothingOfWhatIsAsked) {
  ::testing::internal::CaptureStderr();
  {
    const PebbleServer server([](auto& o) { o.log_requests = true; });
    const std::string secret = "swordfish";
    server.post("/v1/completions", PebbleServer::completion(3, false, secret));
    server.post("/v1/chat/completions",
                R"({"max_tokens":2,"messages":[{"role":"user","content":"swordfish"}]})");
    server.post("/v1/completions", R"({"swordfish":1})");
    server.post("/v1/completions", R"({"prompt":"swordfish)");
    server.post("/v1/chat/completions", R"({"messages":"swordfish"})");
    server.get("/swordfish?swordfish");
    server.post("/v1/completions", "{}", "Authorization: Bearer swordfish\r\n");
  }
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("/v1/completions 200"));
  EXPECT_THAT(log, Not(HasSubstr("swordfish")));
}

}  // namespace
}  // namespace tarn::testing
