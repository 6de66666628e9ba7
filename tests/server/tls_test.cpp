#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <filesystem>
#include <fstream>

#include "tests/server/pebble_server.h"
#include "tests/support/errors.h"

namespace tarn::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
namespace fs = std::filesystem;
namespace net = boost::asio;

// A certificate for localhost that vouches for itself, and its key.
class Certificate {
 public:
  Certificate() {
    std::string name = (fs::temp_directory_path() / "tarn-tls-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* subject = X509_get_subject_name(certificate);
    const auto* host = reinterpret_cast<const unsigned char*>("localhost");
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, host, -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    X509_sign(certificate, key, EVP_sha256());
    FILE* file = std::fopen(this->chain().c_str(), "w");
    PEM_write_X509(file, certificate);
    std::fclose(file);
    file = std::fopen(this->key().c_str(), "w");
    PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  ~Certificate() { fs::remove_all(folder_); }
  fs::path chain() const { return folder_ / "chain.pem"; }
  fs::path key() const { return folder_ / "key.pem"; }

 private:
  fs::path folder_;
};

const Certificate& certificate() {
  static const Certificate made;
  return made;
}

PebbleServer tls_server(const std::function<void(server::ServerOptions&)>& change = {}) {
  return PebbleServer([&](auto& o) {
    o.http.tls_certificate = certificate().chain();
    o.http.tls_key = certificate().key();
    if (change) change(o);
  });
}

class TlsClient {
 public:
  explicit TlsClient(uint16_t port) : stream_(context_, tls_) {
    tls_.load_verify_file(certificate().chain().string());
    stream_.set_verify_mode(net::ssl::verify_peer);
    stream_.lowest_layer().connect({net::ip::address_v4::loopback(), port});
    stream_.handshake(net::ssl::stream_base::client);
  }
  void send(const std::string& bytes) { net::write(stream_, net::buffer(bytes)); }
  std::string read_to(const std::string& text) {
    boost::system::error_code error;
    const size_t end = net::read_until(stream_, net::dynamic_buffer(buffer_), text, error);
    std::string found = buffer_.substr(0, error ? buffer_.size() : end);
    buffer_.erase(0, found.size());
    return found;
  }
  // How the server ends the connection.
  boost::system::error_code end() {
    boost::system::error_code error;
    net::read(stream_, net::dynamic_buffer(buffer_), error);
    return error;
  }
  void reset() { stream_.lowest_layer().close(); }

 private:
  net::io_context context_;
  net::ssl::context tls_{net::ssl::context::tls_client};
  net::ssl::stream<net::ip::tcp::socket> stream_;
  std::string buffer_;
};

TEST(Tls, ServesTheSameApi) {
  PebbleServer server = tls_server();
  EXPECT_THAT(server.server().url(), StartsWith("https://127.0.0.1:"));
  TlsClient client(server.port());
  client.send(PebbleServer::get_text("/health"));
  EXPECT_THAT(client.read_to("}"), StartsWith("HTTP/1.1 200"));
  client.send(PebbleServer::completion_text(20, true));
  EXPECT_THAT(client.read_to("[DONE]"), HasSubstr("data: {"));
  client.read_to("0\r\n\r\n");
  client.send(PebbleServer::get_text("/health", "Connection: close\r\n"));
  EXPECT_THAT(client.read_to("}"), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(client.end(), net::error::eof);  // said so: nothing was cut off
}

TEST(Tls, AClientThatGoesIsNoticed) {
  PebbleServer server = tls_server();
  TlsClient client(server.port());
  client.send(PebbleServer::completion_text(1900, false));
  ASSERT_TRUE(server.soon_running(1));
  client.reset();
  EXPECT_TRUE(server.soon_running(0));
}

TEST(Tls, ATooLargeBodyIsToldSo) {
  PebbleServer server = tls_server([](auto& o) { o.http.max_body_bytes = 1000; });
  TlsClient client(server.port());
  client.send(PebbleServer::post_text("/tokenize", std::string(300'000, ' ')));
  EXPECT_THAT(client.read_to("}"), StartsWith("HTTP/1.1 413"));
}

TEST(Tls, ConnectionsOverTheLimitAreToldSo) {
  PebbleServer server = tls_server([](auto& o) { o.http.max_connections = 1; });
  TlsClient first(server.port());
  first.send(PebbleServer::get_text("/health"));
  first.read_to("}");
  TlsClient second(server.port());
  second.send(PebbleServer::get_text("/v1/models"));
  EXPECT_THAT(second.read_to("}"), StartsWith("HTTP/1.1 503"));
  TlsClient third(server.port());
  third.send(PebbleServer::get_text("/health"));
  EXPECT_THAT(third.read_to("}"), StartsWith("HTTP/1.1 200"));
}

TEST(Tls, WhatIsNoTlsEndsAndHarmsNobody) {
  PebbleServer server = tls_server([](auto& o) { o.http.header_timeout = 300ms; });
  RawClient plain(server.port());
  plain.send(PebbleServer::get_text("/health"));
  EXPECT_EQ(plain.read(5s).status, 0);
  RawClient silent(server.port());
  EXPECT_TRUE(silent.ends(5s));
  TlsClient client(server.port());
  client.send(PebbleServer::get_text("/health"));
  EXPECT_THAT(client.read_to("}"), StartsWith("HTTP/1.1 200"));
}

TEST(Tls, BrokenFilesAreNamed) {
  const auto starting = [](const fs::path& chain, const fs::path& key) {
    return error_of([&] {
      const PebbleServer server([&](auto& o) {
        o.http.tls_certificate = chain;
        o.http.tls_key = key;
      });
    });
  };
  EXPECT_THAT(starting("/nonexistent.pem", certificate().key()), HasSubstr("/nonexistent.pem"));
  EXPECT_THAT(starting(certificate().chain(), "/nonexistent.key"), HasSubstr("/nonexistent.key"));
  EXPECT_THAT(starting(certificate().key(), certificate().key()), HasSubstr("certificate chain"));
  EXPECT_THAT(starting(certificate().chain(), certificate().chain()), HasSubstr("private key"));
}

}  // namespace
}  // namespace tarn::testing
