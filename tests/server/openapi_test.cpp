#include "tarn/server/openapi.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "tarn/base/json.h"
#include "tarn/server/routes.h"

namespace tarn::server {
namespace {

using Operations = std::set<std::pair<std::string, std::string>>;

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  return result;
}

json document() { return parse_json(openapi_document(), "openapi.json"); }

Operations described() {
  Operations all;
  const json paths = document()["paths"];
  for (const auto& [path, item] : paths.items()) {
    for (const auto& [method, operation] : item.items()) all.emplace(method, path);
  }
  return all;
}

TEST(OpenApi, NamesEveryRouteAndNoOther) {
  Operations served{
      {"get", "/health"}, {"get", "/ready"}, {"get", "/metrics"}, {"get", "/openapi.json"}};
  for (const Route& route : routes()) {
    served.emplace(lower(route.method), route.path);
    if (route.prefix) served.emplace(lower(route.method), std::string(route.path) + "/{model}");
  }
  EXPECT_EQ(described(), served);
}

TEST(OpenApi, DefinesWhatItRefersTo) {
  const json all = document();
  std::set<std::string> missing;
  const std::function<void(const json&)> visit = [&](const json& value) {
    if (value.is_object() && value.contains("$ref") && value["$ref"].is_string()) {
      const std::string reference = value["$ref"].get<std::string>();
      const bool defined =
          reference.starts_with("#/") && all.contains(json::json_pointer(reference.substr(1)));
      if (!defined) missing.insert(reference);
    }
    if (!value.is_structured()) return;
    for (const json& one : value) visit(one);
  };
  visit(all);
  EXPECT_THAT(missing, ::testing::IsEmpty());
}

TEST(OpenApi, DescribesTheErrorsOfEveryOperation) {
  const json all = document();
  for (const auto& [path, item] : all["paths"].items()) {
    for (const auto& [method, operation] : item.items()) {
      for (const char* status : {"200", "400", "403", "405", "503"}) {
        EXPECT_TRUE(operation["responses"].contains(status)) << method << path << status;
      }
      if (method == "post") {
        EXPECT_TRUE(operation["responses"].contains("415")) << path;
        EXPECT_TRUE(operation["requestBody"]["required"].get<bool>()) << path;
      }
    }
  }
}

TEST(Routes, KnowPathsAndMethods) {
  const auto status = [](const char* method, const char* path) {
    HttpRequest request;
    request.method = method;
    request.path = path;
    try {
      find_route(request);
      return std::pair(200, Headers{});
    } catch (const ApiError& error) {
      return std::pair(error.status(), error_response(path, error).headers);
    }
  };
  EXPECT_EQ(status("GET", "/v1/models/x").first, 200);
  EXPECT_EQ(status("GET", "/v1/modelsx").first, 404);
  EXPECT_EQ(status("POST", "/v1/nothing").first, 404);
  using ::testing::Contains;
  using ::testing::Pair;
  for (const auto& [method, path, allowed] :
       {std::tuple("GET", "/v1/messages", "POST"), std::tuple("POST", "/health", "GET"),
        std::tuple("DELETE", "/api/tags", "GET")}) {
    const auto [code, headers] = status(method, path);
    EXPECT_EQ(code, 405) << path;
    EXPECT_THAT(headers, Contains(Pair("Allow", allowed))) << path;
  }
}

}  // namespace
}  // namespace tarn::server
