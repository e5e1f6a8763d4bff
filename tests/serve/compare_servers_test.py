#!/usr/bin/env python3
"""That compare_servers.py sees what differs between two servers, and nothing where nothing does.

usage: compare_servers_test.py PATH/TO/ernie [unittest arguments]
"""

import http.client
import http.server
import os
import re
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(__file__))
import compare_items  # noqa: E402
import compare_servers  # noqa: E402
from compare_fields import requests_of, uses_of_fields  # noqa: E402
from server import Server  # noqa: E402

BINARY = sys.argv.pop(1) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else "ernie"
SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "compare_servers.py")


class Changed(http.server.ThreadingHTTPServer):
    """Hands requests to a server and changes what comes back: `change(status, body)` gives both anew."""

    def __init__(self, port, change):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                connection.request(self.command, self.path, body or None, {"Content-Type": self.headers.get("Content-Type", "")})
                reply = connection.getresponse()
                status, data = change(reply.status, reply.read())
                self.send_response(status)
                if reply.getheader("Content-Type"):
                    self.send_header("Content-Type", reply.getheader("Content-Type"))
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
                connection.close()

            do_GET = do_POST

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Seen(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(BINARY, "--served-model-name", "demo", "--max-model-len", "2048")
        cls.addClassCleanup(cls.server.__exit__)
        cls.url = f"http://127.0.0.1:{cls.server.port}"

    def differences(self, change, name):
        """With a server that is changed, over the requests of this name."""
        with Changed(self.server.port, change) as other:
            comparison = compare_servers.Comparison(self.url, other.url)
            requests = [request for request in requests_of(1, 150) if re.search(name, request.name)]
            self.assertTrue(requests)
            return [signature for request in requests for signature in comparison.compare(request)]

    def replaced(self, old, new, name):
        return self.differences(lambda status, body: (status, re.sub(old, new, body)), name)

    def test_a_server_is_like_itself(self):
        done = subprocess.run([sys.executable, SCRIPT, self.url, self.url, "--no-explanations"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"\n\d{4} requests: \d{3} greedy answers with equal texts, 0 near ties; 0 different differences")

    def test_one_change_is_a_failure_of_the_script(self):
        with Changed(self.server.port, lambda status, body: (status, body.replace(b'"total_tokens"', b'"all_tokens"'))) as other:
            done = subprocess.run([sys.executable, SCRIPT, self.url, other.url, "--no-explanations", "--only", "user: me"],
                                  capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("UNEXPLAINED (1) completions answer usage.total_tokens: number here, absent there", done.stdout)

    def test_statuses_and_errors(self):
        self.assertEqual(self.differences(lambda status, body: (422, body), "chat max_tokens: -1"),
                         ["chat max_tokens: -1: status 400 here, 422 there"])
        self.assertEqual(self.replaced(rb'"param":"max_tokens"', b'"param":null', "chat max_tokens: -1"), ["error param: field here, None there"])
        self.assertEqual(self.replaced(b"BadRequestError", b"Bad Request", "chat max_tokens: -1"),
                         ["error type: BadRequestError here, Bad Request there"])
        self.assertEqual(self.replaced(rb',"code":400', b"", "chat max_tokens: -1")[:1], ["error code: number here, absent there"])

    def test_bodies(self):
        one = "^completions max_tokens: 12$"
        self.assertEqual(self.replaced(rb'"stop_reason":null', b'"stop_reason":"."', one)[0],
                         "completions answer choices[].stop_reason: null here, text there")
        self.assertIn("finish_reason stop here, length there", str(self.replaced(rb'"finish_reason":"stop"', b'"finish_reason":"length"', one)))
        self.assertIn("text ' Paris", str(self.replaced(b" Paris", b" Rome", one)))
        self.assertIn("usage {", str(self.replaced(rb'"completion_tokens":\d+', b'"completion_tokens":1', one)))
        logprobs = "^completions logprobs: 5$"
        self.assertEqual(self.replaced(rb'"token_logprobs":\[-[0-9.e-]+', b'"token_logprobs":[-0.05', logprobs), [], "within the tolerance")
        self.assertIn("a log-probability is another", str(self.replaced(rb'"token_logprobs":\[-[0-9.e-]+', b'"token_logprobs":[-3.5', logprobs)))
        self.assertIn("6 log-probabilities here, 0 there", str(self.replaced(rb'"tokens":\[[^\]]*\]', b'"tokens":[]', logprobs)))
        self.assertIn("count 8 here, 9 there", str(self.replaced(rb'"count":8', b'"count":9', "^tokenize prompt: text$")))

    def test_streams(self):
        one = "^chat stream_options: usage$"
        self.assertIn("last event is [DONE]: True here, False there", str(self.replaced(rb"data: \[DONE\]\n\n", b"", one)))
        self.assertIn("usage in: last here, none there", str(self.replaced(rb'data: [^\n]*"choices":\[\][^\n]*\n\n', b"", one)))
        self.assertIn("first delta", str(self.replaced(rb'"role":"assistant",', b"", one)))
        self.assertIn("events that end a choice", str(self.replaced(rb'"finish_reason":null', b'"finish_reason":"stop"', one)))

    def test_responses(self):
        one = "^responses input: user$"
        self.assertEqual(self.replaced(rb'"service_tier":"auto"', b'"service_tier":"flex"', one),
                         ["responses response: service_tier 'auto' here, 'flex' there"])
        self.assertIn("items ['message completed'] here, ['message incomplete'] there",
                      str(self.replaced(rb'"role":"assistant","status":"completed"', b'"role":"assistant","status":"incomplete"', one)))
        self.assertIn("text '42'", str(self.replaced(rb'"text":"42"|"delta":"42?"', b'"text":"43","delta":"43"', one)))
        self.assertIn("usage {", str(self.replaced(rb'"output_tokens":\d+', b'"output_tokens":1', one)))
        self.assertIn("annotations: list here, absent there", str(self.replaced(rb'"annotations":\[\],', b"", one)))
        call = "^responses tool_choice: named$"
        self.assertEqual(self.replaced(rb'"name":"now","arguments"', b'"name":"then","arguments"', call), [
            """responses tool_choice: named: text '' [['now', '{"zone":"CET"}']] here, '' [['then', '{"zone":"CET"}']] there"""])
        self.assertEqual(self.replaced(rb'"type":"BadRequestError"', b'"type":"invalid_request_error"', "^responses max_output_tokens: -1$"),
                         ["error type: BadRequestError here, invalid_request_error there"])

    def test_streams_of_responses(self):
        one = "^responses include: logprobs in a stream$"
        self.assertEqual(self.replaced(rb"event: response.created", b"event: created", one),
                         ["responses stream: names of events are their types: True here, False there"])
        self.assertEqual(self.replaced(rb'"sequence_number":3', b'"sequence_number":7', one),
                         ["responses stream: numbered from 0: True here, False there"])
        self.assertEqual(self.replaced(rb'"text":"42"', b'"text":"4"', one),
                         ["responses stream: deltas, items and response agree: True here, False there"])
        self.assertEqual(self.replaced(rb"event: response.in_progress\n[^\n]*\n\n", b"", one),
                         ["responses stream: numbered from 0: True here, False there",
                          "responses stream: events response.in_progress here alone, none there alone"])
        self.assertIn("a log-probability is another", str(self.replaced(rb'"logprob":-[0-9.e-]+', b'"logprob":-5.5', one)))
        self.assertIn("log-probabilities here, 0 there",
                      str(self.replaced(rb'("delta":"[^"]*"),"logprobs":\[[^\n]*\}\]', rb'\1,"logprobs":[]', one)))

    def test_messages(self):
        one = "^messages messages: user$"
        self.assertIn("finish_reason end_turn here, max_tokens there", str(self.replaced(rb"end_turn", b"max_tokens", one)))
        self.assertIn("text '42'  here, '43'  there", str(self.replaced(rb'"text":"42"', b'"text":"43"', "^messages messages: blocks$") or
                                                          self.replaced(rb'"text":"2"', b'"text":"3"', "^messages messages: blocks$")))
        self.assertIn("usage {", str(self.replaced(rb'"output_tokens":\d+', b'"output_tokens":1', one)))
        call = "^messages tool_choice: named$"
        self.assertIn('{"zone": "UTC"}', str(self.replaced(rb'"zone":"CET"', b'"zone":"UTC"', call)))
        self.assertEqual(self.replaced(rb'"type":"invalid_request_error"', b'"type":"api_error"', "^messages max_tokens: -1$"),
                         ["messages error type: invalid_request_error here, api_error there"])
        self.assertIn("input_tokens", str(self.replaced(rb'"input_tokens":\d+', b'"input_tokens":1', "^count_tokens messages: user$")))

    def test_streams_of_messages(self):
        one = "^messages tool_choice: named in a stream$"
        self.assertEqual(self.replaced(rb"event: ping|event: message_stop", b"event: end", one),
                         ["messages stream: names of events are their types: True here, False there"])
        self.assertEqual(self.replaced(rb'"index":0', b'"index":1', "^messages stream: true$")[:1],
                         ["messages stream: blocks numbered from 0: True here, False there"])
        self.assertEqual(self.replaced(rb"event: content_block_stop\n[^\n]*\n\n", b"", one),
                         ["messages stream: events content_block_stop here alone, none there alone"])
        self.assertEqual(self.replaced(rb'"name":"now"', b'"name":"then"', one), [
            """messages tool_choice: named in a stream: text '' [['now', '{"zone": "CET"}']] here, '' [['then', '{"zone": "CET"}']] there"""])
        self.assertEqual(self.replaced(rb'"index":0,"delta"', b'"index":5,"delta"', one),
                         ["messages tool_choice: named in a stream: an answer lacks 5"])
        self.assertEqual(self.replaced(rb"event: message_stop\n[^\n]*", b'event: error\ndata: {"type":"error"}', one),
                         ["messages tool_choice: named in a stream: errors in the stream: 0 here, 1 there"])

    def test_every_kind_of_answer_can_be_asked_for_its_log_probabilities(self):
        for name in ("completions", "chat", "responses", "messages"):
            [request] = [one for one in requests_of(1, 150) if one.name == f"{name} temperature: 0"]
            route, path, body = compare_items.probe_of(request)
            asked = compare_servers.Request(name, "POST", path, body, request.headers, route)
            choice = compare_items.parts_of(route, compare_servers.send(self.url, asked))[0]
            self.assertEqual({len(top) for _, _, top in choice["logprobs"]}, {20}, name)

    def test_every_field_is_used_often_enough(self):
        for seed in range(3):
            uses = uses_of_fields(requests_of(seed, 150))
            self.assertGreaterEqual(min(uses.values()), compare_servers.MIN_USES)

    def test_explanations_need_words_of_the_document_and_a_use(self):
        explanations = compare_servers.Explanations([("a: .*", "# Serving"), ("b", "no such words there")])
        self.assertEqual(explanations.missing, ["no such words there"])
        self.assertEqual(explanations.find("a: status"), "# Serving")
        self.assertIsNone(explanations.find("xa: status"))
        self.assertIsNone(explanations.find("b and more"))
        self.assertEqual(explanations.stale(), ["b"])

    def test_every_explanation_quotes_the_document(self):
        table = compare_servers.EXPLANATIONS + compare_servers.ITEM_EXPLANATIONS + compare_servers.METRIC_EXPLANATIONS
        self.assertEqual(compare_servers.Explanations(table).missing, [])


if __name__ == "__main__":
    unittest.main()
