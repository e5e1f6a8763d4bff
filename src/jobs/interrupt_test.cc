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

TEST(InterruptDeathTest, WhoIsTooBusyToNoticeIsEnded) {
  const auto busy = [](int signal, Interrupt::CtrlC ctrl_c) {
    const Interrupt interrupt(ctrl_c);
    std::raise(signal);
    const auto end = std::chrono::steady_clock::now() + 2 * kInterruptPatience;
    while (std::chrono::steady_clock::now() < end) {
    }
    std::_Exit(0);
  };
  const std::string line = "ernie: interrupted while it was busy";
  const auto program = Interrupt::CtrlC::kEndsProgram, answer = Interrupt::CtrlC::kEndsAnswer;
  EXPECT_EXIT(busy(SIGTERM, program), testing::ExitedWithCode(128 + SIGTERM), line);
  EXPECT_EXIT(busy(SIGINT, program), testing::ExitedWithCode(128 + SIGINT), line);
  EXPECT_EXIT(busy(SIGTERM, answer), testing::ExitedWithCode(128 + SIGTERM), line);
  EXPECT_EXIT(busy(SIGINT, answer), testing::ExitedWithCode(0), "");
}

TEST(InterruptDeathTest, WhatWasDealtWithEndsNothing) {
  const auto dealt_with = [](bool is_reset) {
    {
      Interrupt interrupt;
      std::raise(SIGTERM);
      if (is_reset) interrupt.reset();
      if (is_reset) std::this_thread::sleep_for(2 * kInterruptPatience);
    }
    std::this_thread::sleep_for(2 * kInterruptPatience);
    std::_Exit(0);
  };
  EXPECT_EXIT(dealt_with(true), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(dealt_with(false), testing::ExitedWithCode(0), "");
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
