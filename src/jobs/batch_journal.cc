#include "jobs/batch_journal.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <boost/crc.hpp>
#include <charconv>
#include <optional>

#include "base/atomic_file.h"
#include "base/check.h"
#include "base/file.h"
#include "base/output_check.h"

namespace ernie {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kMagic = "ernie-batch-journal-1";
constexpr auto kSyncInterval = std::chrono::seconds(1);
constexpr int64_t kSyncRows = 256;
constexpr size_t kWriteBytes = size_t{1} << 20;
constexpr size_t kMaxHeaderBytes = 65536;
constexpr std::string_view kMaxModelLen = "max-model-len=";

uint32_t crc32(std::string_view a, std::string_view b = "") {
  boost::crc_32_type crc;
  crc.process_bytes(a.data(), a.size());
  crc.process_bytes(b.data(), b.size());
  return crc.checksum();
}

std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\t' || c == '\0'; }, ' ');
  return text;
}

std::string make_header(const JobFingerprint& job) {
  const std::string fields = fmt::format("{}\t{}\t{}\t{}", kMagic, one_line(job.input),
                                         one_line(job.model), one_line(job.settings()));
  return fmt::format("{}\t{:08x}\n", fields, crc32(fields));
}

/// "<row> <failed> <bytes> <crc>\n": what stands before a row's line. The checksum is of the text
/// before it and of the line.
std::string make_record_head(int64_t row, bool failed, std::string_view line) {
  const std::string fields = fmt::format("{} {:d} {} ", row, failed, line.size());
  return fmt::format("{}{:08x}\n", fields, crc32(fields, line));
}

struct Record {
  int64_t row = 0;
  bool failed = false;
  size_t line_begin = 0;  // from the record's begin
  std::string_view line;
};

/// The whole record that `text` begins with, or nothing.
std::optional<Record> parse_record(std::string_view text) {
  const size_t head_end = text.substr(0, 64).find('\n');
  if (head_end == std::string_view::npos) return std::nullopt;
  Record record;
  int failed = 0;
  size_t num_bytes = 0;
  const char* at = text.data();
  const char* end = text.data() + head_end;
  const auto number = [&](auto& out) {
    const auto [next, error] = std::from_chars(at, end, out);
    if (error != std::errc() || next == end || *next != ' ') return false;
    at = next + 1;
    return true;
  };
  if (!number(record.row) || !number(failed) || !number(num_bytes)) return std::nullopt;
  record.line_begin = head_end + 1;
  const std::string_view rest = text.substr(record.line_begin);
  if (rest.size() <= num_bytes || rest[num_bytes] != '\n') return std::nullopt;
  record.failed = failed != 0;
  record.line = rest.substr(0, num_bytes);
  if (make_record_head(record.row, record.failed, record.line) !=
      text.substr(0, record.line_begin)) {
    return std::nullopt;
  }
  return record;
}

/// Whether a file without a whole header is what a crash can leave of this header: a part of it,
/// with zeros where pages were lost.
bool is_torn_header(std::string_view text, std::string_view header) {
  if (text.size() > header.size()) return false;
  return std::equal(text.begin(), text.end(), header.begin(),
                    [](char got, char expected) { return got == expected || got == '\0'; });
}

std::vector<std::string_view> split_tabs(std::string_view text) {
  std::vector<std::string_view> fields;
  while (true) {
    const size_t tab = text.find('\t');
    fields.push_back(text.substr(0, tab));
    if (tab == std::string_view::npos) return fields;
    text.remove_prefix(tab + 1);
  }
}

/// Of a header that make_header() wrote, without its newline.
std::optional<int64_t> parse_max_model_len(std::string_view header) {
  const auto fields = split_tabs(header);
  if (fields.size() != 5 || fields[0] != kMagic || !fields[3].starts_with(kMaxModelLen)) {
    return std::nullopt;
  }
  const std::string_view before_checksum = header.substr(0, header.rfind('\t'));
  if (fields[4] != fmt::format("{:08x}", crc32(before_checksum))) return std::nullopt;
  const std::string_view digits = fields[3].substr(kMaxModelLen.size());
  int64_t max_model_len = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), max_model_len);
  return read.ec == std::errc() ? std::optional(max_model_len) : std::nullopt;
}

/// Why a file with the first line `got` cannot be continued by the job of `expected`.
std::string difference(std::string_view got, std::string_view expected) {
  const auto a = split_tabs(got), b = split_tabs(expected);
  if (a.size() != b.size() || a[0] != b[0]) return "it is not a journal of this program";
  constexpr std::array<std::string_view, 4> kNames{"", "input file", "model", "settings"};
  for (size_t i = 1; i < kNames.size() && i < a.size(); ++i) {
    if (a[i] == b[i]) continue;
    return fmt::format("its job had another {}: \"{}\", this one has \"{}\"", kNames[i], a[i],
                       b[i]);
  }
  return "its first line is damaged";
}

Result<FileHandle> open_locked(const std::string& path) {
  while (true) {
    ERNIE_TRY(FileHandle file, FileHandle::open(path, O_RDWR | O_CREAT | O_APPEND | O_NONBLOCK));
    ERNIE_TRY_VOID(check_replaceable(path));
    ERNIE_TRY(const bool locked, file.try_lock());
    if (!locked) {
      return make_error(ErrorCode::kIo, "{}: another run is working on this output", path);
    }
    // Whoever held the lock before may have removed the file that was opened here.
    if (file.is_at_its_path()) return file;
  }
}

}  // namespace

std::string JobFingerprint::settings() const {
  return fmt::format("{}{} {}", kMaxModelLen, max_model_len, flags);
}

std::optional<int64_t> BatchJournal::max_model_len(const std::string& path) {
  const auto file = FileHandle::open_regular(path);
  if (!file) return std::nullopt;
  const auto head = file->read_text_at(0, kMaxHeaderBytes);
  if (!head) return std::nullopt;
  return parse_max_model_len(std::string_view(*head).substr(0, head->find('\n')));
}

Result<BatchJournal> BatchJournal::open(const std::string& path, const JobFingerprint& job,
                                        int64_t num_rows, Existing existing) {
  ERNIE_TRY(FileHandle file, open_locked(path));
  BatchJournal journal(std::move(file), num_rows);
  ERNIE_TRY_VOID(journal.load(job, existing));
  journal.last_sync_ = Clock::now();
  return journal;
}

Result<void> BatchJournal::load(const JobFingerprint& job, Existing existing) {
  const std::string header = make_header(job);
  ERNIE_TRY(const ByteSource contents, ByteSource::map_file(file_.path()));
  const std::string_view text = contents.text();
  if (existing == Existing::kDiscard || text.empty() || is_torn_header(text, header)) {
    return start(header);
  }
  if (!text.starts_with(header)) {
    return make_error(
        ErrorCode::kInvalidArgument, "{}: cannot continue this job: {}; --restart discards it",
        file_.path(),
        difference(text.substr(0, text.substr(0, kMaxHeaderBytes).find('\n')), header));
  }
  end_ = read_records(text, header.size());
  num_bytes_dropped_ = text.size() - end_;
  return num_bytes_dropped_ > 0 ? file_.truncate(end_) : Result<void>();
}

Result<void> BatchJournal::start(const std::string& header) {
  ERNIE_TRY_VOID(file_.truncate(0));
  ERNIE_TRY_VOID(file_.write_all(header));
  ERNIE_TRY_VOID(file_.sync());
  end_ = header.size();
  return sync_directory_of(file_.path());
}

/// Returns the end of the last whole record.
uint64_t BatchJournal::read_records(std::string_view text, uint64_t offset) {
  while (const auto record = parse_record(text.substr(offset))) {
    if (record->row < 0 || record->row >= static_cast<int64_t>(index_.size())) break;
    if (has(record->row)) break;
    note(record->row, record->failed,
         {static_cast<int64_t>(offset + record->line_begin),
          static_cast<int64_t>(record->line.size())});
    offset += record->line_begin + record->line.size() + 1;
  }
  return offset;
}

void BatchJournal::note(int64_t row, bool failed, Place place) {
  index_[static_cast<size_t>(row)] = place;
  ++num_finished_;
  num_failed_ += failed ? 1 : 0;
}

Result<void> BatchJournal::append(int64_t row, bool failed, std::string_view line) {
  ERNIE_CHECK(!has(row), "row {}", row);
  const std::string head = make_record_head(row, failed, line);
  std::string record;
  record.reserve(head.size() + line.size() + 1);
  record.append(head).append(line).append(1, '\n');
  ERNIE_TRY_VOID(file_.write_all(record));
  note(row, failed, {static_cast<int64_t>(end_ + head.size()), static_cast<int64_t>(line.size())});
  end_ += record.size();
  ++num_unsynced_;
  const bool is_due = num_unsynced_ >= kSyncRows || Clock::now() - last_sync_ >= kSyncInterval;
  return is_due ? sync() : Result<void>();
}

Result<void> BatchJournal::sync() {
  ERNIE_TRY_VOID(file_.sync_data());
  num_unsynced_ = 0;
  last_sync_ = Clock::now();
  return {};
}

Result<void> BatchJournal::write_output(const std::string& output) {
  ERNIE_TRY(AtomicFile file, AtomicFile::create(output));
  std::string buffer;
  for (const Place& place : index_) {
    ERNIE_CHECK(place.num_bytes >= 0, "a row is not there");
    ERNIE_TRY(const std::string line, file_.read_text_at(static_cast<uint64_t>(place.offset),
                                                         static_cast<size_t>(place.num_bytes) + 1));
    buffer += line;
    if (buffer.size() < kWriteBytes) continue;
    ERNIE_TRY_VOID(file.handle().write_all(buffer));
    buffer.clear();
  }
  ERNIE_TRY_VOID(file.handle().write_all(buffer));
  return file.commit();
}

Result<void> BatchJournal::remove() {
  ERNIE_TRY_VOID(remove_file(file_.path()));
  return sync_directory_of(file_.path());
}

}  // namespace ernie
