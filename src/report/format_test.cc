#include "report/format.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace ernie::report {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(FormatNumber, KeepsThreeDigits) {
  EXPECT_EQ(format_number(0), "0");
  EXPECT_EQ(format_number(-0.0), "0");
  EXPECT_EQ(format_number(1), "1");
  EXPECT_EQ(format_number(1.5), "1.5");
  EXPECT_EQ(format_number(12.345), "12.3");
  EXPECT_EQ(format_number(0.012345), "0.0123");
  EXPECT_EQ(format_number(-0.5), "-0.5");
  EXPECT_EQ(format_number(12345), "12345");
  EXPECT_EQ(format_number(100), "100");
  EXPECT_EQ(format_number(12.3456, 5), "12.346");
}

TEST(FormatNumber, RoundsUpToTheNextPowerOfTen) {
  EXPECT_EQ(format_number(9.996), "10");
  EXPECT_EQ(format_number(999.96), "1000");
  EXPECT_EQ(format_number(0.00099996), "0.001");
  EXPECT_EQ(format_number(999999.9), "1e6");
}

TEST(FormatNumber, IsScientificFarFromOne) {
  EXPECT_EQ(format_number(1.2345e-7), "1.23e-7");
  EXPECT_EQ(format_number(1e-6), "1e-6");
  EXPECT_EQ(format_number(2.5e12), "2.5e12");
  EXPECT_EQ(format_number(-1e300), "-1e300");
  EXPECT_EQ(format_number(5e-324), "4.94e-324");
}

TEST(FormatNumber, NamesWhatIsNoNumber) {
  EXPECT_EQ(format_number(NAN), "NaN");
  EXPECT_EQ(format_number(kInfinity), "∞");
  EXPECT_EQ(format_number(-kInfinity), "-∞");
}

TEST(FormatSi, PutsThePrefixBeforeTheUnit) {
  EXPECT_EQ(format_si(0, "s"), "0 s");
  EXPECT_EQ(format_si(0.0123, "s"), "12.3 ms");
  EXPECT_EQ(format_si(4.2e-5, "s"), "42 µs");
  EXPECT_EQ(format_si(2.1e10, "B/s"), "21 GB/s");
  EXPECT_EQ(format_si(999.99, "B"), "1 kB");
  EXPECT_EQ(format_si(1, "s"), "1 s");
  EXPECT_EQ(format_si(-1500, "B"), "-1.5 kB");
  EXPECT_EQ(format_si(1e-20, "s"), "1e-20 s");
  EXPECT_EQ(format_si(kInfinity, "s"), "∞ s");
  EXPECT_EQ(format_si(2.5e9, ""), "2.5 G");
  EXPECT_EQ(format_si(12, ""), "12");
}

TEST(FormatBytes, CountsInPowersOf1024) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(512), "512 B");
  EXPECT_EQ(format_bytes(32768), "32 KiB");
  EXPECT_EQ(format_bytes(1023 * 1024), "1023 KiB");
  EXPECT_EQ(format_bytes(1610612736), "1.5 GiB");
}

TEST(FormatPercent, IsAShareTimesAHundred) {
  EXPECT_EQ(format_percent(0.0734), "7.34%");
  EXPECT_EQ(format_percent(1), "100%");
}

}  // namespace
}  // namespace ernie::report
