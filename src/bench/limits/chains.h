// A loop over one instruction twelve times, each on a register of its own, in assembly: a compiler
// that copies or spills one of the registers would measure something else.

#pragma once

/// The text of the loop: STEP("3") is that of the step on register %[c3]; %[n] counts down to 0.
// clang-format off
#define ERNIE_CHAINS_LOOP(STEP)                                                     \
  "1:\n\t"                                                                          \
  STEP("0") STEP("1") STEP("2") STEP("3") STEP("4") STEP("5") STEP("6") STEP("7")   \
  STEP("8") STEP("9") STEP("10") STEP("11")                                         \
  "dec %[n]\n\t"                                                                    \
  "jnz 1b\n\t"

/// Its operands: the twelve registers, from an array, of that constraint, and the counter.
#define ERNIE_CHAINS_OPERANDS(constraint, c, num_rounds)                                       \
  [c0] constraint(c[0]), [c1] constraint(c[1]), [c2] constraint(c[2]), [c3] constraint(c[3]),  \
  [c4] constraint(c[4]), [c5] constraint(c[5]), [c6] constraint(c[6]), [c7] constraint(c[7]),  \
  [c8] constraint(c[8]), [c9] constraint(c[9]), [c10] constraint(c[10]),                       \
  [c11] constraint(c[11]), [n] "+r"(num_rounds)
// clang-format on
