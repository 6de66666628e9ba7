// A request as handlers see it, and the way to answer it. No HTTP library shows through.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tarn::server {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method;  // "GET"
  std::string path;    // decoded, without the query: "/v1/models"
  std::string query;   // as sent, without the question mark
  std::map<std::string, std::string, std::less<>> headers;  // names in lower case
  std::string body;
  std::string peer;    // the address it came from
  std::string client;  // who is asking: its key or address, for fairness

  // Empty when absent.
  std::string_view header(std::string_view lower_case_name) const {
    const auto found = headers.find(lower_case_name);
    return found == headers.end() ? std::string_view() : std::string_view(found->second);
  }
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  Headers headers;
};

// The answer to one request: either send() once, or start(), write() as often as needed, finish().
// Any thread may call; what comes after the client has gone is dropped. Dropped without an answer,
// it answers 500.
class Responder {
 public:
  virtual ~Responder() = default;
  virtual void send(HttpResponse response) = 0;
  virtual void start(int status, std::string content_type, Headers headers) = 0;
  virtual void write(std::string piece) = 0;
  virtual void finish() = 0;

  virtual bool open() const = 0;            // the client is there, and the answer not finished
  virtual size_t unsent_bytes() const = 0;  // written and not yet taken by the network
  // `closed` is called once when the client goes before the answer is finished; at once if it has
  // gone already. `drained` is called whenever unsent_bytes falls to 0. Neither may block.
  virtual void watch(std::function<void()> closed, std::function<void()> drained) = 0;
};

}  // namespace tarn::server
