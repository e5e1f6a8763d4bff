#include "server/routes.h"

#include <gtest/gtest.h>

#include <set>

namespace ernie {
namespace {

TEST(Routes, EachIsThereOnce) {
  std::set<std::string> seen;
  for (const Route& route : routes()) {
    EXPECT_TRUE(seen.insert(std::string(route.method) + " " + std::string(route.path)).second);
    EXPECT_FALSE(route.summary.empty()) << route.path;
  }
}

TEST(Routes, WhatComputesNeedsAKey) {
  for (const Route& route : routes()) {
    EXPECT_TRUE(!route.computes || route.access == Access::kKey) << route.path;
  }
}

TEST(Routes, FindsByMethodAndPath) {
  EXPECT_EQ(find_route("POST", "/v1/completions").route->path, "/v1/completions");
  EXPECT_EQ(find_route("HEAD", "/v1/models").route->path, "/v1/models");
  EXPECT_EQ(find_route("GET", "/v1/models/a/b").parameter, "a/b");
  EXPECT_EQ(find_route("POST", "/v1/requests/x/cancel").parameter, "x");
  EXPECT_EQ(find_route("POST", "/v1/requests/x/y/cancel").route, nullptr);
  EXPECT_EQ(find_route("POST", "/v1/requests//cancel").route, nullptr);
  EXPECT_EQ(find_route("GET", "/v1/completions").route, nullptr);
  EXPECT_EQ(find_route("GET", "/v1/completions").allowed, "POST");
  EXPECT_EQ(find_route("DELETE", "/ping").allowed, "GET, POST");
  EXPECT_EQ(find_route("GET", "/V1/models").route, nullptr);
  EXPECT_EQ(find_route("GET", "//health").route, nullptr);
  EXPECT_EQ(find_route("GET", "/health/").route, nullptr);
}

}  // namespace
}  // namespace ernie
