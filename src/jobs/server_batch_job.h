#pragma once

#include "client/http_client.h"
#include "jobs/batch_files.h"
#include "jobs/interrupt.h"

namespace ernie {

struct ServerBatchOptions {
  BatchFiles files;
  ServerAddress server;
  int64_t max_concurrency = 8;  ///< requests under way at a time
  int64_t max_retries = 8;      ///< of a row, after 429, 502, 503, 504, or without a response
  int64_t timeout_s = 3600;     ///< of a request
  bool quiet = false;
};

/// Works through an OpenAI batch file as run_batch_job() does, by sending its bodies to a server as
/// they are, without `stream`; a body without a model gets the first one that the server names.
///
/// A busy server and a lost connection are tried again after 0.25 s, doubled each time up to a
/// minute, or after what Retry-After asks for. What then comes is the row's response, whatever its
/// status; a row without a response has an `error`. A server that cannot be reached any more ends
/// the job with an error, so that the rows to come do not fail all: the same call goes on later.
///
/// Returns whether every row has a response of status 200. kCancelled after an interrupt.
Result<bool> run_server_batch_job(const ServerBatchOptions& options, const Interrupt& interrupt);

}  // namespace ernie
