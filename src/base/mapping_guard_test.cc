#include "base/mapping_guard.h"

#include <gtest/gtest.h>

#include <csignal>

#include <filesystem>

#include "base/file.h"
#include "base/test_directory.h"

namespace ernie {
namespace {

/// Reads the last byte of a mapping whose file has lost it.
void read_lost_byte(const std::string& path) {
  install_mapping_guard();
  const ByteSource first = ByteSource::map_file(path).value();
  const ByteSource second = ByteSource::map_file(path).value();
  std::filesystem::resize_file(path, 1);
  volatile std::byte last = second.bytes().back();
  (void)last;
}

TEST(MappingGuard, AFileThatBecomesShorterEndsTheProgramInOneLine) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const TestDirectory folder;
  const std::string path = folder.write("weights", std::string(100'000, 'x'));
  EXPECT_EXIT(read_lost_byte(path), testing::ExitedWithCode(2),
              "^ernie: .*/weights: it became shorter while it was in use\n$");
}

TEST(MappingGuard, AnotherFaultIsNobodysMapping) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto raise_bus_error = [] {
    install_mapping_guard();
    std::raise(SIGBUS);
    std::raise(SIGBUS);
  };
  EXPECT_EXIT(raise_bus_error(), testing::KilledBySignal(SIGBUS), "");
}

}  // namespace
}  // namespace ernie
