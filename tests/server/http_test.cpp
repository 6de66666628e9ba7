#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/server/pebble_server.h"

namespace tarn::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string health = PebbleServer::get_text("/health");

// A request as it stands on the wire, and the status of its answer.
int status_of(const PebbleServer& server, const std::string& bytes) {
  RawClient client(server.port());
  client.send(bytes);
  return client.read().status;
}

TEST(Http, AnswersManyRequestsOnOneConnection) {
  const PebbleServer server;
  RawClient client(server.port());
  for (int i = 0; i < 3; ++i) {
    client.send(health);
    EXPECT_EQ(client.read().status, 200);
  }
  client.send(PebbleServer::get_text("/health", "Connection: close\r\n"));
  const RawResponse last = client.read();
  EXPECT_EQ(last.status, 200);
  EXPECT_EQ(last.header("Connection"), "close");
  EXPECT_TRUE(client.ends());
}

TEST(Http, AnswersPipelinedRequestsInTheirOrder) {
  const PebbleServer server;
  RawClient client(server.port());
  const std::string tokenize = R"({"content":"pipelined"})";
  client.send(health + PebbleServer::post_text("/tokenize", tokenize) + health +
              PebbleServer::get_text("/nowhere"));
  EXPECT_THAT(client.read().body, HasSubstr("\"ok\""));
  EXPECT_THAT(client.read().body, HasSubstr("\"tokens\""));
  EXPECT_THAT(client.read().body, HasSubstr("\"ok\""));
  EXPECT_EQ(client.read().status, 404);
}

TEST(Http, SpeaksHttp10) {
  const PebbleServer server;
  RawClient client(server.port());
  client.send("GET /health HTTP/1.0\r\n\r\n");
  const RawResponse response = client.read();
  EXPECT_THAT(response.head, StartsWith("HTTP/1.0 200"));
  EXPECT_TRUE(client.ends());

  RawClient kept(server.port());
  kept.send("GET /health HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(kept.read().header("Connection"), "keep-alive");
  kept.send("GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(kept.read().status, 200);
}

TEST(Http, EndsAStreamForHttp10WithTheConnection) {
  const PebbleServer server;
  const std::string body = PebbleServer::completion(3, true);
  RawClient client(server.port());
  client.send(fmt::format("POST /v1/completions HTTP/1.0\r\nContent-Length: {}\r\n\r\n{}",
                          body.size(), body));
  const RawResponse response = client.read();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.header("Transfer-Encoding"), "");
  EXPECT_THAT(response.body, HasSubstr("data: [DONE]"));
  EXPECT_TRUE(client.ends());
}

TEST(Http, AnswersHeadWithoutABody) {
  const PebbleServer server;
  RawClient client(server.port());
  client.head_only = true;
  client.send("HEAD /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const RawResponse response = client.read();
  EXPECT_EQ(response.status, 200);
  EXPECT_GT(std::stoi(response.header("Content-Length")), 10);
  client.head_only = false;
  client.send(health);  // no byte of a body stands before this answer
  EXPECT_EQ(client.read().status, 200);
}

TEST(Http, ReadsChunkedBodies) {
  const PebbleServer server;
  RawClient client(server.port());
  client.send("POST /tokenize HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  client.send("6\r\n{\"cont\r\n");
  client.send("b;name=value\r\nent\":\"abc\"}\r\n0\r\nTrailer: x\r\n\r\n");
  EXPECT_EQ(client.read().status, 200);
  client.send(health);
  EXPECT_EQ(client.read().status, 200);
}

TEST(Http, AsksForTheBodyWhenItIsExpectedTo) {
  const PebbleServer server([](auto& o) { o.http.max_body_bytes = 1000; });
  const std::string body = R"({"content":"abc"})";
  const auto head = [](size_t length) {
    return fmt::format(
        "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n"
        "Expect: 100-Continue\r\n\r\n",
        length);
  };
  RawClient client(server.port());
  client.send(head(body.size()));
  EXPECT_EQ(client.read_to("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send(body);
  EXPECT_EQ(client.read().status, 200);
  client.send(head(5000));  // refused before it is sent
  EXPECT_EQ(client.read().status, 413);
}

TEST(Http, RefusesWhatIsTooLarge) {
  const PebbleServer server([](auto& o) {
    o.http.max_body_bytes = 1000;
    o.http.max_header_bytes = 2000;
  });
  const std::string many = "X-Filler: " + std::string(3000, 'x') + "\r\n";
  EXPECT_EQ(status_of(server, PebbleServer::get_text("/health", many)), 431);
  EXPECT_EQ(status_of(server, "GET /" + std::string(3000, 'x') + " HTTP/1.1\r\n"), 431);
  const RawResponse declared = server.post("/tokenize", std::string(1001, ' '));
  EXPECT_EQ(declared.status, 413);
  EXPECT_THAT(declared.body, HasSubstr("1000 bytes"));
  std::string chunks =
      "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 3; ++i) chunks += "190\r\n" + std::string(0x190, ' ') + "\r\n";
  EXPECT_EQ(status_of(server, chunks), 413);
}

TEST(Http, BoundsTheBodiesOfAllRequestsTogether) {
  const PebbleServer server([](auto& o) { o.http.max_bodies_bytes = 150'000; });
  const std::string half =
      "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\n" +
      std::string(100'000, ' ');
  RawClient first(server.port());
  first.send(half);
  std::this_thread::sleep_for(100ms);
  const RawResponse refused = server.post("/tokenize", std::string(100'000, ' '));
  EXPECT_EQ(refused.status, 503);
  EXPECT_NE(refused.header("Retry-After"), "");
  first.close();
  EXPECT_TRUE(PebbleServer::soon(
      [&] { return server.post("/tokenize", std::string(100'000, ' ')).status == 400; }));
}

TEST(Http, CutsOffSlowHeadersAndIdleConnections) {
  const PebbleServer server([](auto& o) {
    o.http.header_timeout = 300ms;
    o.http.body_timeout = 300ms;
    o.http.idle_timeout = 600ms;
  });
  RawClient silent(server.port());
  EXPECT_TRUE(silent.ends(5s));

  const auto trickle = [](RawClient& client) {  // until nobody takes it; seconds
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 100 && client.send("X"); ++i) std::this_thread::sleep_for(50ms);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  RawClient slow(server.port());
  slow.send("GET /health HTTP/1.1\r\nX-");
  EXPECT_LT(trickle(slow), 3);

  RawClient later(server.port());  // the same on a connection that has been of use
  later.send(health);
  EXPECT_EQ(later.read().status, 200);
  later.send("GET /health HTTP/1.1\r\nX-");
  EXPECT_LT(trickle(later), 3);

  RawClient body(server.port());
  body.send("POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n");
  EXPECT_LT(trickle(body), 3);

  RawClient idle(server.port());
  idle.send(health);
  EXPECT_EQ(idle.read().status, 200);
  EXPECT_FALSE(idle.ends(200ms));
  EXPECT_TRUE(idle.ends(5s));
}

TEST(Http, RefusesBrokenRequests) {
  const PebbleServer server;
  const std::string too_long = "Content-Length: 99999999999999999999\r\n";
  for (const std::string& bytes :
       {std::string("\r\n\r\nnonsense\r\n\r\n"), std::string("GET\r\n\r\n"),
        std::string("GET /health\r\n\r\n"), std::string("GET /health HTTP/3.0\r\n\r\n"),
        std::string("GET /health HTTP/1.1\r\nNo colon\r\n\r\n"),
        std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15),
        std::string("GET health HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        std::string("GET /health HTTP/1.1\r\n\r\n"),
        PebbleServer::get_text("/health", "Content-Length: -1\r\n"),
        PebbleServer::get_text("/health", too_long),
        PebbleServer::get_text("/health", "Transfer-Encoding: chunked\r\n") + "zz\r\n"}) {
    EXPECT_EQ(status_of(server, bytes), 400) << bytes;
  }
  for (const char* path : {"/%", "/%4", "/%zz", "/%00", "/a%0"}) {
    EXPECT_EQ(server.get(path).status, 400) << path;
  }
  EXPECT_EQ(server.get("/%68ealth").status, 200);
  EXPECT_EQ(server.get("/v1/../health").status, 404);
}

TEST(Http, RefusesHeadersThatStandTwice) {
  const PebbleServer server;
  EXPECT_EQ(status_of(server, PebbleServer::get_text("/health", "Host: example.org\r\n")), 400);
  EXPECT_EQ(status_of(server, PebbleServer::get_text("/health", "HOST: localhost\r\n")), 400);
  const std::string body = R"({"content":"abc"})";
  for (const char* more : {"Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n",
                           "Authorization: a\r\nAuthorization: b\r\n"}) {
    EXPECT_EQ(server.post("/tokenize", body, more).status, 400) << more;
  }
  EXPECT_EQ(status_of(server, PebbleServer::get_text("/health", "Accept: a\r\nAccept: b\r\n")),
            200);
}

TEST(Http, OutlivesClientsThatLeave) {
  PebbleServer server;
  const std::string stream = PebbleServer::completion_text(1500, true);
  { RawClient client(server.port()); }
  { RawClient(server.port()).send("GET /hea"); }
  { RawClient(server.port()).send(stream.substr(0, stream.size() - 5)); }
  { RawClient(server.port()).send(stream); }
  {
    RawClient client(server.port());
    client.send(stream);
    client.read_to("data:");
  }
  EXPECT_TRUE(PebbleServer::soon([&] {
    const EngineStats stats = server.stats();
    return stats.running == 0 && stats.waiting == 0;
  }));
  EXPECT_EQ(server.get("/health").status, 200);
}

TEST(Http, AnswersClientsThatHaveEndedTheirSide) {
  const PebbleServer server;
  for (int i = 0; i < 20; ++i) {
    RawClient client(server.port());
    client.send(health);
    client.end_sending();
    EXPECT_EQ(client.read().status, 200);
    EXPECT_TRUE(client.ends());
  }
}

TEST(Http, NoticesThatAClientHasGoneBehindWhatItSentAhead) {
  PebbleServer server;
  RawClient client(server.port());
  client.send(PebbleServer::completion_text(1500, false));
  ASSERT_TRUE(server.soon_running(1));
  client.send(health);  // read only when the answer before it is sent
  std::this_thread::sleep_for(300ms);
  client.close();
  EXPECT_TRUE(server.soon_running(0));
  EXPECT_EQ(server.stats().cancelled, 1U);
}

TEST(Http, KeepsPlacesForHealthWhenAllConnectionsAreInUse) {
  const PebbleServer server([](auto& o) {
    o.http.max_connections = 4;
    o.http.reserved_connections = 2;
  });
  std::vector<std::unique_ptr<RawClient>> all;
  for (int i = 0; i < 4; ++i) {
    all.push_back(std::make_unique<RawClient>(server.port()));
    all.back()->send(health);
    EXPECT_EQ(all.back()->read().status, 200);
  }
  EXPECT_EQ(server.get("/health").status, 200);
  const RawResponse refused = server.get("/v1/models");
  EXPECT_EQ(refused.status, 503);
  EXPECT_NE(refused.header("Retry-After"), "");
  // Whoever takes the last places without a word loses them soon.
  std::vector<std::unique_ptr<RawClient>> more;
  for (int i = 0; i < 50; ++i) more.push_back(std::make_unique<RawClient>(server.port()));
  EXPECT_TRUE(PebbleServer::soon([&] { return server.get("/health").status == 200; }, 20s));
  all[0]->send(PebbleServer::get_text("/v1/models"));
  EXPECT_EQ(all[0]->read().status, 200);
  all.clear();
  EXPECT_TRUE(PebbleServer::soon([&] { return server.get("/v1/models").status == 200; }));
}

TEST(Http, PausesForClientsThatDoNotReadAndCutsThemOff) {
  PebbleServer server([](auto& o) {
    o.http.send_buffer_bytes = 4096;
    o.http.write_timeout = 8s;
  });
  const std::string body = R"({"prompt":"Once","max_tokens":1900,"stream":true,"ignore_eos":true,)"
                           R"("logprobs":20,"temperature":0})";
  RawClient stuck(server.port(), 2048);
  stuck.send(PebbleServer::post_text("/v1/completions", body));
  ASSERT_TRUE(server.soon_running(1));
  const auto standing = [&] {
    const uint64_t before = server.stats().batched_tokens;
    std::this_thread::sleep_for(300ms);
    return server.stats().batched_tokens == before && server.stats().running == 1;
  };
  EXPECT_TRUE(PebbleServer::soon(standing));
  EXPECT_LT(server.stats().batched_tokens, 1000U);
  EXPECT_EQ(server.post("/v1/completions", PebbleServer::completion(20, false)).status, 200);
  EXPECT_TRUE(server.soon_running(0));
  EXPECT_EQ(server.stats().cancelled, 1U);
}

TEST(Http, SendsAllToClientsThatReadSlowly) {
  const PebbleServer server([](auto& o) {
    o.http.send_buffer_bytes = 4096;
    o.http.write_timeout = 2500ms;
  });
  RawClient client(server.port(), 2048);
  client.send(PebbleServer::completion_text(1000, true));
  client.most_at_once = 512;
  std::string all;
  for (int i = 0; i < 40; ++i) {
    std::this_thread::sleep_for(100ms);
    for (int event = 0; event < 5; ++event) all += client.read_to("\n\n");
  }
  all += client.read_to("data: [DONE]");
  EXPECT_TRUE(all.ends_with("data: [DONE]")) << all.substr(all.size() - 300);
}

}  // namespace
}  // namespace tarn::testing
