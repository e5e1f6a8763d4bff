#!/usr/bin/env python3
"""`ernie chat` as a person sees it, in a pseudo-terminal, with the demo and with servers.

usage: chat_test.py PATH/TO/ernie [unittest arguments]
"""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from fake_openai import FakeServer, Plan  # noqa: E402
from server import Server  # noqa: E402

BINARY = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else "ernie"
ENVIRONMENT = {name: value for name, value in os.environ.items()
               if not name.startswith(("VLLM_", "OPENAI_", "NO_COLOR")) and not name.lower().endswith("_proxy")}
# The demo repeats itself up to the end of its context.
ENDLESS = ("--temperature", "0", "--frequency-penalty", "-2", "--presence-penalty", "-2", "--stats")
DEMO = ("--kv-cache-memory-bytes", str(64 << 20), "--max-model-len", "4096", "--temperature", "0")


class Terminal:
    """The program behind a terminal."""

    def __init__(self, *flags):
        self.master, slave = pty.openpty()

        def take_terminal():
            os.setsid()
            os.close(os.open(os.ttyname(0), os.O_RDWR))  # becomes the controlling one: Ctrl-C works

        self.process = subprocess.Popen([BINARY, "chat", *flags], stdin=slave, stdout=slave, stderr=slave, env=ENVIRONMENT,
                                        preexec_fn=take_terminal)
        os.close(slave)
        self.text, self.at = "", 0
        self.bytes = b""

    def read(self, timeout):
        if not select.select([self.master], [], [], timeout)[0]:
            return False
        try:
            chunk = os.read(self.master, 65536)
        except OSError:
            return False
        self.bytes += chunk
        self.text = self.bytes.decode(errors="surrogateescape").replace("\r\n", "\n")
        return bool(chunk)

    def expect(self, pattern, timeout=20):
        """Waits for the pattern behind what was expected last; returns what stands before its end."""
        end = time.monotonic() + timeout
        while True:
            found = re.compile(pattern, re.S).search(self.text, self.at)
            if found:
                begin, self.at = self.at, found.end()
                return self.text[begin:self.at]
            if time.monotonic() > end or (not self.read(0.1) and self.process.poll() is not None and not self.read(0)):
                raise AssertionError(f"no {pattern!r} in {self.text[self.at:]!r}, exit code {self.process.poll()}")

    def send(self, text):
        os.write(self.master, text if isinstance(text, bytes) else text.encode())

    def ask(self, line):
        """Sends a line and returns what follows its echo up to the next prompt."""
        self.send(line + "\n")
        self.expect(re.escape(line))
        return self.expect(r"\n> ")[1:-3]

    def end(self, timeout=20):
        end = time.monotonic() + timeout
        while self.process.poll() is None and time.monotonic() < end:
            self.read(0.02)
        return self.process.wait(0.1)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)


class Chat(unittest.TestCase):
    def fake(self, *args, **kwargs):
        server = FakeServer(*args, **kwargs)
        self.addCleanup(server.close)
        return server

    def run_it(self, *flags, text="", code=0):
        done = subprocess.run([BINARY, "chat", *flags], input=text if isinstance(text, bytes) else text.encode(), check=False,
                              capture_output=True, timeout=60, env=ENVIRONMENT)
        self.assertEqual(done.returncode, code, done.stderr)
        return done


class WithTheDemo(Chat):
    def test_a_conversation(self):
        with Terminal(*DEMO, "--max-tokens", "24") as terminal:
            self.assertIn("Chatting with ernie-demo", terminal.expect("> "))
            first = terminal.ask("17 + 25 =")
            self.assertTrue(first.strip())
            self.assertIn("/system", terminal.ask("/help"))
            self.assertIn("no such command", terminal.ask("/nothing"))
            terminal.ask("What is the capital of France?")
            terminal.ask("/reset")
            self.assertEqual(terminal.ask("17 + 25 ="), first)  # as at the beginning
            self.assertEqual(terminal.ask("/system You count."), "")
            self.assertEqual(terminal.ask(""), "")  # nothing is not a question
            terminal.send("\x04")
            self.assertEqual(terminal.end(), 0)

    def test_ctrl_c_stops_the_answer_and_not_the_program(self):
        with Terminal(*DEMO[:4], *ENDLESS) as terminal:
            terminal.expect("> ")
            terminal.send("Once upon a time\n")
            terminal.expect(r"time\n.")
            terminal.send("\x03")
            stopped = terminal.expect(r"\[\d+ tokens.*\]\n> ")
            self.assertLess(int(re.search(r"\[(\d+) tokens", stopped)[1]), 4000)
            terminal.send("half a line\x03")
            terminal.expect(r"once more leaves.\)\n> ")
            self.assertIsNone(terminal.process.poll())
            terminal.send("/exit\n")
            self.assertEqual(terminal.end(), 0)

    def test_signals_at_the_prompt(self):
        with Terminal(*DEMO) as terminal:
            terminal.expect("> ")
            terminal.send("\x03")
            terminal.expect("once more leaves.*> ")
            terminal.send("\x03")
            self.assertEqual(terminal.end(), 130)
        with Terminal(*DEMO) as terminal:
            terminal.expect("> ")
            terminal.process.send_signal(signal.SIGTERM)
            self.assertEqual(terminal.end(), 143)

    def test_piped(self):
        flags = (*DEMO, "--max-tokens", "8")
        quick = self.run_it(*flags, "-q", "17 + 25 =").stdout
        self.assertTrue(quick.endswith(b"\n"))
        self.assertEqual(self.run_it(*flags, text="17 + 25 =\n\n").stdout, quick)
        self.assertEqual(self.run_it(*flags, text="17 + 25 =").stdout, quick)  # without an end of line
        self.assertEqual(self.run_it(*flags, text='"""17 + 25 ="""\r\n/exit\nnever asked\n').stdout, quick)
        self.assertEqual(self.run_it(*flags).stdout, b"")
        done = self.run_it(*flags, text=b"\xff\xfe\n17 + 25 =\n", code=1)
        self.assertEqual(done.stdout, quick)  # the conversation goes on without it
        self.assertEqual(done.stderr, b"ernie chat: got a text that is not UTF-8\n")
        done = self.run_it(*flags, text='"""17 + 25 =\n', code=1)
        self.assertEqual((done.stdout, done.stderr), (b"", b"ernie chat: the text in quotes has no end\n"))

    def test_long_input(self):
        done = self.run_it(*DEMO, text="word " * 20_000 + "\n", code=1)
        self.assertEqual(done.stderr.count(b"\n"), 1)
        self.assertIn(b"4096", done.stderr)
        done = self.run_it(*DEMO, text=b"x" * ((16 << 20) + 70_000) + b"\n/exit\n", code=1)
        self.assertIn(b"too long", done.stderr)
        # What is in quotes is one text, however long: none of it is asked.
        quoted = b'"""a\n' + b"x" * ((16 << 20) + 70_000) + b'\n17 + 25 =\nend"""\n'
        done = self.run_it(*DEMO, text=quoted, code=1)
        self.assertEqual((done.stdout, done.stderr), (b"", b"ernie chat: the line is too long\n"))
        done = self.run_it(*DEMO, text=b'"""' + (b"x" * (1 << 20) + b"\n") * 40 + b'"""\n', code=1)
        self.assertEqual((done.stdout, done.stderr), (b"", b"ernie chat: the text in quotes is too long\n"))
        # The end comes when the last piece was just thrown away.
        done = self.run_it(*DEMO, text=b"x" * ((16 << 20) + 1), code=1)
        self.assertIn(b"too long", done.stderr)

    def test_reader_that_goes_away(self):
        read, write = os.pipe()
        os.close(read)
        process = subprocess.run([BINARY, "chat", *DEMO], input=b"Hi\nHi\n", stdout=write, stderr=subprocess.PIPE, check=False,
                                 timeout=30, env=ENVIRONMENT)
        os.close(write)
        self.assertEqual((process.returncode, process.stderr.count(b"cannot write")), (-signal.SIGPIPE, 0))


class WithAServer(Chat):
    def test_our_server_answers_as_the_model_here(self):
        with Server(BINARY) as server:
            for question in ("17 + 25 =", "The capital of France is"):
                remote = self.run_it("--url", server.address, "--temperature", "0", "--max-tokens", "8", "-q", question)
                self.assertEqual(remote.stdout, self.run_it(*DEMO, "--max-tokens", "8", "-q", question).stdout)
            with Terminal("--url", server.address, *ENDLESS) as terminal:
                terminal.expect("> ")
                terminal.send("Once upon a time\n")
                terminal.expect(r"time\n.")
                terminal.send("\x03")
                terminal.expect(r"\[\d+ tokens.*\]\n> ")
                server.wait_until_idle()
                self.assertEqual(server.metric("vllm:request_success_total", finished_reason="abort"), 1)  # it was told
                server.stop(signal.SIGKILL)
                self.assertRegex(terminal.ask("Are you there?"), r"^ernie chat: http://127.0.0.1:\d+/v1/chat/completions: .*connect")
                terminal.send("\x04")
                self.assertEqual(terminal.end(), 0)

    def test_turns_are_remembered_and_only_given_settings_sent(self):
        fake = self.fake(lambda *_: Plan(tokens=2, text="yes "))
        self.run_it("--url", fake.url, "--system", "Be brief.", "--top-k", "5", "--stop", "a", "--stop", "b", "--seed", "7",
                    text='one\n"""two\nlines"""\n/clear\nthree\n/system Other.\nfour\n')
        bodies = [request[2] for request in fake.requests]
        first = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "one"}]
        self.assertEqual(bodies[0]["messages"], first)
        self.assertEqual(bodies[1]["messages"], first + [{"role": "assistant", "content": "yes yes "},
                                                         {"role": "user", "content": "two\nlines"}])
        self.assertEqual(bodies[2]["messages"], first[:1] + [{"role": "user", "content": "three"}])
        self.assertEqual([m["content"] for m in bodies[3]["messages"]], ["Other.", "four"])
        self.assertEqual((bodies[0]["top_k"], bodies[0]["stop"], bodies[0]["seed"], bodies[1]["seed"]), (5, ["a", "b"], 9, 11))
        self.assertFalse({"temperature", "top_p", "max_tokens", "presence_penalty"} & set(bodies[0]))

    def test_pieces_come_at_once(self):
        fake = self.fake(lambda *_: Plan(tokens=3, between_s=0.3, text="word "))
        with Terminal("--url", fake.url) as terminal:
            terminal.expect("> ")
            terminal.send("Hi\n")
            terminal.expect("Hi\nword ")
            begin = time.monotonic()
            terminal.expect("word word \n> ")
            self.assertGreater(time.monotonic() - begin, 0.4)

    def test_a_terminal_obeys_nobody_else(self):
        evil = "a\x1b]0;title\x07b\x1b[2J\x9b1m\rc\x00"
        fake = self.fake(lambda index, *_: Plan(tokens=1, text=evil) if index != 1 else Plan(status=400, message=evil))
        with Terminal("--url", fake.url) as terminal:
            terminal.expect("> ")
            for answer in (terminal.ask("one"), terminal.ask("two")):
                self.assertIn(r"a\x1B]0;title\x07b\x1B[2J", answer)
                self.assertIn(r"\x0Dc\x00", answer)
                self.assertFalse(set(answer) & set("\x1b\x07\x9b\r\x00"))
        self.assertEqual(self.run_it("--url", fake.url, "-q", "x").stdout.decode(), evil + "\n")  # a file gets it as it is

    def test_reasoning(self):
        fake = self.fake(lambda *_: Plan(tokens=1, text="answer", reasoning="thought"))
        with Terminal("--url", fake.url) as terminal:
            terminal.expect("> ")
            self.assertEqual(terminal.ask("Hi"), "\x1b[2mthought\x1b[0m\nanswer")
            terminal.ask("Hi")
        self.assertEqual(fake.requests[1][2]["messages"][1], {"role": "assistant", "content": "answer"})
        self.assertEqual(self.run_it("--url", fake.url, "-q", "x").stdout, b"answer\n")
        fake = self.fake(lambda *_: Plan(tokens=1, text="answer", reasoning="thought", reasoning_with="ans: "))
        self.assertEqual(self.run_it("--url", fake.url, "-q", "x").stdout, b"ans: answer\n")  # both in one piece

    def test_answers_that_break_off(self):
        plans = [Plan(tokens=3, cut_after=2), Plan(tokens=3, cut_after=1, reset=True), Plan(garbage=True), Plan(tokens=1)]
        fake = self.fake(lambda index, *_: plans[index])
        with Terminal("--url", fake.url) as terminal:
            terminal.expect("> ")
            self.assertRegex(terminal.ask("one"), r"^word word \nernie chat: .*before its \[DONE\]$")
            self.assertRegex(terminal.ask("two"), r"^word \nernie chat: ")
            self.assertRegex(terminal.ask("three"), "no JSON object")
            self.assertEqual(terminal.ask("four"), "word ")
        self.assertEqual([m["content"] for m in fake.requests[3][2]["messages"]], ["four"])  # the others were taken back

    def test_what_cannot_run(self):
        done = self.run_it("--url", "http://127.0.0.1:9", code=2)
        self.assertRegex(done.stderr.decode(), r"^ernie chat: http://127.0.0.1:9/v1/models: [^\n]*\n$")
        with Server(BINARY, "--api-key", "right") as server:
            done = self.run_it("--url", server.address, "--api-key", "sk-do-not-tell", "--log-level", "info", code=2)
            self.assertIn(b"401", done.stderr)
            self.assertIn(b"--api-key=***", done.stderr)
            self.assertNotIn(b"sk-do-not-tell", done.stderr)
        self.assertIn(b"--model", self.run_it("--url", "http://127.0.0.1:9", "--model", "m", code=2).stderr)


if __name__ == "__main__":
    unittest.main()
