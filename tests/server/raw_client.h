// A socket and the bytes on it: what no well-behaved HTTP client would send.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

namespace tarn::testing {

using namespace std::chrono_literals;

struct RawResponse {
  int status = 0;  // 0: the connection ended before an answer
  std::string head;
  std::string body;

  // Value of a header, by its name as the server writes it; empty when absent.
  std::string header(std::string_view name) const {
    const std::string key = "\r\n" + std::string(name) + ": ";
    const size_t at = head.find(key);
    if (at == std::string::npos) return {};
    const size_t begin = at + key.size();
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
};

class RawClient {
 public:
  // `receive_buffer`: bytes that the kernel takes for a client that does not read; 0: its own idea.
  explicit RawClient(uint16_t port, int receive_buffer = 0)
      : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer > 0) {
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      throw std::runtime_error("connect");
    }
  }
  ~RawClient() { close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  // False: the server has closed the connection.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  void end_sending() { ::shutdown(fd_, SHUT_WR); }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  // One answer, its body joined where it comes in chunks.
  RawResponse read(std::chrono::milliseconds timeout = 60s) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    RawResponse response;
    const size_t end = read_until("\r\n\r\n", deadline);
    if (end == std::string::npos) return response;
    response.head = buffer_.substr(0, end);
    buffer_.erase(0, end);
    response.status = std::atoi(response.head.c_str() + 9);
    if (head_only) return response;
    if (response.header("Transfer-Encoding") == "chunked") {
      read_chunks(response, deadline);
    } else if (const std::string length = response.header("Content-Length"); !length.empty()) {
      const auto bytes = static_cast<size_t>(std::stoll(length));
      while (buffer_.size() < bytes && fill(deadline)) {
      }
      response.body = buffer_.substr(0, bytes);
      buffer_.erase(0, bytes);
    } else if (response.status == 200) {
      while (fill(deadline)) {
      }
      response.body.swap(buffer_);
    }
    return response;
  }

  // What has come until `text` has, with it; all there is if it never does.
  std::string read_to(std::string_view text, std::chrono::milliseconds timeout = 60s) {
    const size_t end = read_until(text, std::chrono::steady_clock::now() + timeout);
    const std::string found = buffer_.substr(0, end);
    buffer_.erase(0, end);
    return found;
  }

  // Whether the server ends the connection within that time, and sends nothing before.
  bool ends(std::chrono::milliseconds timeout = 10s) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    const bool more = buffer_.empty() && fill(deadline);
    return !more && buffer_.empty() && ended_;
  }

  bool head_only = false;         // the answers are to HEAD
  size_t most_at_once = 1 << 14;  // bytes taken from the network by one read

 private:
  using Time = std::chrono::steady_clock::time_point;

  bool fill(Time deadline) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd state{fd_, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&state, 1, static_cast<int>(left.count())) <= 0) return false;
    char bytes[16384];
    const ssize_t count = ::recv(fd_, bytes, std::min(sizeof bytes, most_at_once), 0);
    if (count <= 0) {
      ended_ = true;
      return false;
    }
    buffer_.append(bytes, static_cast<size_t>(count));
    return true;
  }

  size_t read_until(std::string_view text, Time deadline) {
    size_t from = 0;
    while (true) {
      const size_t at = buffer_.find(text, from);
      if (at != std::string::npos) return at + text.size();
      from = buffer_.size() < text.size() ? 0 : buffer_.size() - text.size();
      if (!fill(deadline)) return std::string::npos;
    }
  }

  void read_chunks(RawResponse& response, Time deadline) {
    while (true) {
      const size_t line = read_until("\r\n", deadline);
      if (line == std::string::npos) return;
      const auto bytes = static_cast<size_t>(std::stoull(buffer_.substr(0, line), nullptr, 16));
      buffer_.erase(0, line);
      while (buffer_.size() < bytes + 2 && fill(deadline)) {
      }
      response.body += buffer_.substr(0, bytes);
      buffer_.erase(0, bytes + 2);
      if (bytes == 0) return;
    }
  }

  int fd_;
  bool ended_ = false;
  std::string buffer_;
};

}  // namespace tarn::testing
