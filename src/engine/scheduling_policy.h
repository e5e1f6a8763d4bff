#pragma once

namespace ernie {

/// Whose turn it is among the waiting requests, and who gives way when blocks run out.
enum class SchedulingPolicy {
  kFcfs,      ///< first come, first served, in turn among clients
  kPriority,  ///< the same among requests of equal priority; a lower one comes first
};

}  // namespace ernie
