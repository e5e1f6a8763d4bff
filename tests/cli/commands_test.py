#!/usr/bin/env python3
"""What a user sees of `run` and `run-batch`: output, exit codes, signals.

    commands_test.py PROGRAM

PROGRAM is the one with the fake engine.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = os.path.abspath(sys.argv.pop(1))
DEMO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "models", "demo")


def row(custom_id, **body):
    body.setdefault("prompt", f"prompt of {custom_id}")
    return json.dumps({"custom_id": str(custom_id), "method": "POST", "url": "/v1/completions",
                       "body": body}) + "\n"


class CommandTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="ernie-commands-")
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def start(self, *args, step_us=0, **options):
        return subprocess.Popen([PROGRAM, *args], cwd=self.folder.name,
                                env={**os.environ, "ERNIE_FAKE_STEP_US": str(step_us)},
                                stdin=options.pop("stdin", subprocess.DEVNULL),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                **options)

    def run_program(self, *args, stdin=None, **options):
        process = self.start(*args, stdin=subprocess.PIPE, **options)
        out, err = process.communicate(stdin or "")
        return process.returncode, out, err

    def test_what_cannot_be_printed_is_an_error(self):
        for args in (["--help"], ["run", "--help"], ["--version"], ["man"], ["inspect", DEMO], ["inspect", "--json", DEMO]):
            with open("/dev/full", "w", encoding="utf-8") as full:
                done = subprocess.run([PROGRAM, *args], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
            self.assertEqual(done.returncode, 2, args)
            self.assertRegex(done.stderr, r"^ernie[a-z ]*: standard output: cannot write: No space left on device\n$")

    def test_a_reader_that_goes_away_is_no_error(self):
        for args in (["--help"], ["man"], ["inspect", DEMO]):
            reader, writer = os.pipe()
            os.close(reader)
            done = subprocess.run([PROGRAM, *args], stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
            os.close(writer)
            self.assertEqual((done.returncode, done.stderr), (-signal.SIGPIPE, ""), args)

    def wait_for(self, name, lines):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if os.path.exists(self.path(name)) and self.read(name).count("\n") >= lines:
                return
            time.sleep(0.01)
        self.fail(f"{name} never had {lines} lines")


    def peak_kib(self, process):
        """The most memory that the process had, as far as it was seen while it ran."""
        peak = 0
        while process.poll() is None:
            with open(f"/proc/{process.pid}/status", encoding="utf-8") as status:
                peak = max([peak] + [int(line.split()[1]) for line in status
                                     if line.startswith("VmHWM")])
            time.sleep(0.01)
        return peak


class RunTest(CommandTest):
    def test_prompt_is_echoed_before_its_continuation(self):
        code, out, err = self.run_program("run", "--prompt", "hello", "--max-tokens", "5")
        self.assertEqual(code, 0)
        self.assertTrue(out.startswith("hello") and out.endswith("\n") and len(out) > 7)
        self.assertIn("--max-tokens=5", err)
        self.assertIn("tok/s", err)
        again = self.run_program("run", "--prompt", "hello", "--max-tokens", "5", "--no-echo",
                                 "--quiet")
        self.assertEqual(again, (0, out[len("hello"):], ""))

    def test_prompt_from_standard_input(self):
        with_flag = self.run_program("run", "--prompt", "a b", "--quiet")
        self.assertEqual(self.run_program("run", "--quiet", stdin="a b\n"), with_flag)
        self.assertEqual(self.run_program("run", "--quiet", stdin="")[0], 2)

    def test_a_terminal_without_a_prompt_gets_help(self):
        parent, child = os.openpty()
        self.addCleanup(os.close, parent)
        with os.fdopen(child) as terminal:
            process = self.start("run", stdin=terminal)
            _, err = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 2)
        self.assertIn('ernie run --prompt "17 + 25 ="', err)

    def test_bad_flags(self):
        for flags in (["--top-p", "2"], ["--top-k", "x"], ["--logit-bias", "5"], ["--nonsense"],
                      ["--logprobs", "99"], ["--output", "x"], ["--prompt-file", "x"]):
            code, out, err = self.run_program("run", "--prompt", "p", *flags)
            self.assertEqual((code, out), (2, ""), flags)
            self.assertTrue(err, flags)

    def test_every_stop_flag_counts_once(self):
        plain = self.run_program("run", "--prompt", "xyz", "--no-echo", "--quiet")[1]
        for stop in (plain[3], plain[5]):
            out = self.run_program("run", "--prompt", "xyz", "--no-echo", "--quiet", "--stop",
                                   "@never@", "--stop", stop)[1]
            self.assertEqual(out.rstrip("\n"), plain[:plain.index(stop)])

    def test_logprobs_follow_the_text(self):
        out = self.run_program("run", "--prompt", "xyz", "--max-tokens", "3", "--ignore-eos",
                               "--logprobs", "1", "--quiet")[1]
        self.assertEqual(out.count("rank"), 3)

    def test_interrupt_keeps_what_was_printed(self):
        process = self.start("run", "--prompt", "p", "--max-tokens", "100000", "--max-model-len",
                             "200000", "--ignore-eos", step_us=1000)
        head = process.stdout.read(20)
        process.send_signal(signal.SIGINT)
        rest, err = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 130)
        self.assertTrue((head + rest).endswith("\n"))
        self.assertIn("finish reason abort", err)

    def test_prompt_file(self):
        self.write("in", '{"prompt":"a","id":"first"}\nbad\n{"prompt":"b"}\n')
        code, out, _ = self.run_program("run", "--prompt-file", "in", "--output", "out")
        self.assertEqual((code, out), (1, ""))
        rows = [json.loads(line) for line in self.read("out").splitlines()]
        self.assertEqual([r["id"] for r in rows], ["first", 2, 3])
        self.assertEqual(["error" in r for r in rows], [False, True, False])
        with open(self.path("in"), encoding="utf-8") as file:
            piped = self.run_program("run", "--prompt-file", "-", "--quiet", stdin=file.read())
        self.assertEqual(piped[1], self.read("out"))

    def test_interrupted_prompt_file_keeps_finished_rows(self):
        self.write("in", "".join(f'{{"prompt":"{i}","max_tokens":5}}\n' for i in range(5000)))
        process = self.start("run", "--prompt-file", "in", "--output", "out", step_us=1000)
        self.wait_for("out", 20)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
        self.assertEqual(process.returncode, 130)
        ids = [json.loads(line)["id"] for line in self.read("out").splitlines()]
        self.assertEqual(ids, sorted(set(ids)))
        self.assertLess(len(ids), 5000)

    def test_output_that_nobody_reads_ends_the_run(self):
        process = self.start("run", "--prompt", "p", "--max-tokens", "100000", "--max-model-len",
                             "200000", "--ignore-eos", step_us=100)
        process.stdout.close()
        err = process.stderr.read()
        process.stderr.close()
        self.assertEqual(process.wait(timeout=20), -signal.SIGPIPE)
        self.assertNotIn("Broken pipe", err)


class RunBatchTest(CommandTest):
    def test_exit_codes(self):
        self.write("good", row(1) + row(2))
        self.write("bad", row(1) + row(1))
        self.assertEqual(self.run_program("run-batch", "-i", "good", "-o", "a")[0], 0)
        self.assertEqual(self.run_program("run-batch", "-i", "good", "-o", "a")[0], 0)
        self.assertEqual(self.run_program("run-batch", "-i", "bad", "-o", "b")[0], 1)
        self.assertEqual(self.run_program("run-batch", "-i", "bad", "-o", "b")[0], 1)
        self.assertEqual(self.run_program("run-batch", "-i", "good", "-o", "b")[0], 2)
        self.assertEqual(self.run_program("run-batch", "-i", "absent", "-o", "c")[0], 2)
        self.assertEqual(self.run_program("run-batch", "-i", "good")[0], 2)
        self.assertEqual(sorted(os.listdir(self.folder.name)), ["a", "b", "bad", "good"])

    def interrupted(self, *flags):
        self.write("in", "".join(row(i, max_tokens=20) for i in range(300)))
        finished = os.path.exists(self.path("out.journal")) and self.read("out.journal").count("\n")
        process = self.start("run-batch", "-i", "in", "-o", "out", *flags, step_us=1000)
        self.wait_for("out.journal", finished + 50)
        return process

    def test_interrupt_and_resume(self):
        for sent, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            process = self.interrupted()
            process.send_signal(sent)
            err = process.communicate(timeout=20)[1]
            self.assertEqual(process.returncode, code)
            self.assertIn("the same command goes on", err)
            self.assertFalse(os.path.exists(self.path("out")))
        code, _, err = self.run_program("run-batch", "-i", "in", "-o", "out")
        self.assertEqual(code, 0)
        self.assertIn("going on after", err)
        resumed = self.read("out")
        self.assertEqual(self.run_program("run-batch", "-i", "in", "-o", "whole")[0], 0)
        self.assertEqual(self.read("whole"), resumed)

    def test_two_runs_do_not_share_a_journal(self):
        process = self.interrupted()
        code, _, err = self.run_program("run-batch", "-i", "in", "-o", "out")
        self.assertEqual(code, 2)
        self.assertIn("another run", err)
        self.assertEqual(process.communicate(timeout=60) and process.returncode, 0)

    def test_another_input_does_not_continue(self):
        process = self.interrupted()
        process.kill()
        process.communicate()
        self.write("in", row("other"))
        code, _, err = self.run_program("run-batch", "-i", "in", "-o", "out")
        self.assertEqual(code, 2)
        self.assertIn("another input file", err)
        code, _, err = self.run_program("run-batch", "-i", "in", "-o", "out", "--restart")
        self.assertEqual(code, 0)
        self.assertEqual(self.read("out").count("\n"), 1)

    def test_a_full_disk_is_an_error_and_resumable(self):
        self.write("in", "".join(row(i, max_tokens=20) for i in range(100)))
        limit = lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
                         resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)))
        code, _, err = self.run_program("run-batch", "-i", "in", "-o", "out", preexec_fn=limit)
        self.assertEqual(code, 2)
        self.assertIn("out.journal: cannot write: File too large", err)
        code, _, err = self.run_program("run-batch", "-i", "in", "-o", "out")
        self.assertEqual(code, 0)
        self.assertIn("going on after", err)

    def test_memory_does_not_grow_with_the_file(self):
        peaks = []
        for count in (2000, 40000):
            self.write("in", "".join(row(i, max_tokens=1) for i in range(count)))
            process = self.start("run-batch", "-i", "in", "-o", f"out{count}")
            peaks.append(self.peak_kib(process))
            process.communicate()
            self.assertEqual(process.returncode, 0)
        # 38,000 rows more, each of about 700 bytes: 26 MB if they were kept.
        self.assertLess(peaks[1] - peaks[0], 8 * 1024, "KiB")


if __name__ == "__main__":
    unittest.main()
