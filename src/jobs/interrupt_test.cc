#include "jobs/interrupt.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <thread>

namespace ernie {
namespace {

TEST(Interrupt, TheFirstSignalRaisesItAndSaysWhich) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const Interrupt interrupt;
    EXPECT_FALSE(interrupt.raised()) << "what an earlier one saw is forgotten";
    std::raise(signal);
    EXPECT_TRUE(interrupt.raised());
    EXPECT_EQ(interrupt.exit_code(), 128 + signal);
  }
}

TEST(Interrupt, CanBeTakenBack) {
  Interrupt interrupt;
  for (int i = 0; i < 3; ++i) {
    std::raise(SIGINT);
    EXPECT_TRUE(interrupt.raised());
    interrupt.reset();
    EXPECT_FALSE(interrupt.raised());
  }
}

TEST(Interrupt, AnyThreadMayBeTheOneThatIsInterrupted) {
  const Interrupt interrupt;
  std::thread([] { std::raise(SIGINT); }).join();
  EXPECT_TRUE(interrupt.raised());
}

TEST(InterruptDeathTest, TheSecondSignalEndsTheProgram) {
  const auto twice = [](int first, int second) {
    const Interrupt interrupt;
    std::raise(first);
    std::raise(second);
    std::_Exit(0);
  };
  EXPECT_EXIT(twice(SIGINT, SIGINT), testing::KilledBySignal(SIGINT), "");
  EXPECT_EXIT(twice(SIGINT, SIGTERM), testing::KilledBySignal(SIGTERM), "");
}

TEST(InterruptDeathTest, SignalsMeanWhatTheyDidWhenItHasEnded) {
  const auto after = [] {
    { const Interrupt interrupt; }
    std::raise(SIGTERM);
    std::_Exit(0);
  };
  EXPECT_EXIT(after(), testing::KilledBySignal(SIGTERM), "");
}

}  // namespace
}  // namespace ernie
