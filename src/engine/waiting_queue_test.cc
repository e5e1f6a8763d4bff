#include "engine/waiting_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace ernie {
namespace {

class WaitingQueueTest : public ::testing::Test {
 protected:
  Sequence& make(uint64_t client_id) {
    GenerationRequest request{.prompt_ids = {1}, .params = {}};
    request.client_id = client_id;
    sequences_.push_back(std::make_unique<Sequence>(sequences_.size() + 1, std::move(request),
                                                    BlockTable(blocks_, 4)));
    return *sequences_.back();
  }
  void add(uint64_t client_id, int64_t priority = 0) { queue_.add(make(client_id), priority); }
  void run(uint64_t client_id, int count = 1, int64_t priority = 0) {
    for (int i = 0; i < count; ++i) queue_.note_start(make(client_id), priority);
  }
  /// The ids in the order in which they come; they count from 1.
  std::vector<RequestId> take_all() {
    std::vector<RequestId> ids;
    for (; !queue_.empty(); queue_.pop()) ids.push_back(queue_.front().id());
    EXPECT_EQ(queue_.size(), 0);
    return ids;
  }

  BlockAllocator blocks_{1};
  std::vector<std::unique_ptr<Sequence>> sequences_;
  WaitingQueue queue_;
};

using Ids = std::vector<RequestId>;

TEST_F(WaitingQueueTest, OneClientIsServedInOrderOfArrival) {
  for (int i = 0; i < 4; ++i) add(7);
  EXPECT_EQ(take_all(), (Ids{1, 2, 3, 4}));
}

TEST_F(WaitingQueueTest, AClientWaitsForOneOfEachOther) {
  for (int i = 0; i < 1000; ++i) add(1);
  add(2);  // 1001
  add(2);
  add(3);  // 1003
  EXPECT_EQ(queue_.front().id(), 1u);
  Ids ids = take_all();
  ids.resize(7);
  EXPECT_EQ(ids, (Ids{1, 1001, 1003, 2, 1002, 3, 4}));
}

TEST_F(WaitingQueueTest, WhoComesAfterItsTurnIsLastAgain) {
  add(1);
  add(1);
  add(2);
  queue_.pop();  // 1
  add(1);        // 4: behind 2
  add(3);        // 5
  EXPECT_EQ(take_all(), (Ids{3, 2, 5, 4}));
}

TEST_F(WaitingQueueTest, TheLowestPriorityComesFirst) {
  add(1, 5);
  add(2, -1);
  add(1, 6);
  add(3, 5);
  EXPECT_EQ(take_all(), (Ids{2, 1, 4, 3}));
}

TEST_F(WaitingQueueTest, OfWhomFewerRunComesFirst) {
  run(1, 2);      // 1, 2
  run(2);         // 3
  run(3, 5, -1);  // 4 to 8, of another priority
  add(1);         // 9
  add(2);         // 10
  add(3);         // 11
  EXPECT_EQ(queue_.most_running(0), 2);
  EXPECT_EQ(queue_.most_running(-1), 5);
  EXPECT_EQ(queue_.most_running(7), 0);
  EXPECT_EQ(queue_.num_running(2, 0), 1);
  EXPECT_EQ(queue_.num_running(4, 0), 0);
  EXPECT_EQ(queue_.front().id(), 11u);
  queue_.note_stop(*sequences_[0], 0);
  queue_.note_stop(*sequences_[1], 0);
  EXPECT_EQ(queue_.most_running(0), 1);
  EXPECT_EQ(queue_.front().id(), 9u) << "earlier than the other of whom none runs";
  EXPECT_EQ(take_all(), (Ids{9, 11, 10}));
}

// What comes back is older than what its client has asked for since.
TEST_F(WaitingQueueTest, WhoIsPreemptedComesBeforeItsClientsOthers) {
  Sequence& first = make(1);
  queue_.note_start(first, 0);
  add(1);
  add(2);
  queue_.note_stop(first, 0);
  queue_.add(first, 0);
  EXPECT_EQ(take_all(), (Ids{1, 3, 2}));
}

TEST_F(WaitingQueueTest, AnythingCanBeRemoved) {
  add(1);
  add(1);
  add(2);
  queue_.remove(*sequences_[0], 0);
  queue_.remove(*sequences_[2], 0);
  EXPECT_EQ(queue_.size(), 1);
  EXPECT_EQ(take_all(), (Ids{2}));
  add(2);
  EXPECT_EQ(take_all(), (Ids{4})) << "a client that was gone can come back";
}

}  // namespace
}  // namespace ernie
