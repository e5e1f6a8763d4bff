#pragma once

#include "grammar/automaton.h"

namespace ernie {

// Automata that all schemas share, so that what is cached for them is too.
const DfaPtr& null_automaton();
const DfaPtr& true_automaton();
const DfaPtr& false_automaton();
/// Any JSON number whose exponent a double can have.
const DfaPtr& number_automaton();
/// Any integer as programs write it: 12, -3, 12.0, 1e+16, 1.5e+20.
const DfaPtr& integer_automaton();
/// Any text.
const DfaPtr& text_automaton();

}  // namespace ernie
