"""An endpoint with the OpenAI API whose times and errors are set by the test."""

import http.server
import json
import socket
import struct
import threading
import time

WORD = "word "


class Plan:
    """What becomes of a request: seconds to the first piece and between pieces, and what goes wrong."""

    def __init__(self, status=200, first_s=0.0, between_s=0.0, tokens=4, usage=True, headers=None,
                 message="it was planned", cut_after=None, reset=False, garbage=False, hang=False, text=WORD,
                 reasoning="", reasoning_with=""):
        self.status, self.first_s, self.between_s, self.tokens = status, first_s, between_s, tokens
        self.usage, self.headers, self.message = usage, headers or {}, message
        self.cut_after, self.reset, self.garbage, self.hang = cut_after, reset, garbage, hang
        self.text, self.reasoning, self.reasoning_with = text, reasoning, reasoning_with


class FakeServer:
    """Answers each POST as plan(index, path, body) says. `requests`: (path, headers, body, time) of each."""

    def __init__(self, plan=lambda index, path, body: Plan(), models=True, port=0):
        self.plan, self.models, self.requests, self.lock = plan, models, [], threading.Lock()
        self.num_running = self.most_running = 0
        self.closing = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *unused):
                pass

            def do_GET(self):
                if self.path == "/v1/models" and outer.models:
                    self.answer(200, {"object": "list", "data": [{"id": "fake", "object": "model"}]})
                else:
                    self.answer(404, {"error": {"message": "no such page"}})

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with outer.lock:
                    index = len(outer.requests)
                    outer.requests.append((self.path, dict(self.headers), body, time.monotonic()))
                    outer.num_running += 1
                    outer.most_running = max(outer.most_running, outer.num_running)
                try:
                    outer.serve(self, outer.plan(index, self.path, body), body)
                except OSError:
                    self.close_connection = True
                finally:
                    with outer.lock:
                        outer.num_running -= 1

            def answer(self, status, body, headers=None):
                data = json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def chunk(self, data):
                data = data.encode()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

            def reset(self):
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True

        class Threads(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 512

            def handle_error(self, *unused):  # a client that goes away is part of the tests
                pass

        self.server = Threads(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def serve(self, handler, plan, body):
        if plan.hang:
            self.closing.wait(60)
        if plan.status != 200:
            handler.answer(plan.status, {"error": {"message": plan.message, "code": plan.status}}, plan.headers)
        elif body.get("stream"):
            self.stream(handler, plan, "messages" in body)
        elif plan.reset:
            handler.send_response(200)
            handler.send_header("Content-Length", "1000")
            handler.end_headers()
            handler.wfile.write(b'{"id"')
            handler.wfile.flush()
            time.sleep(0.02)
            handler.reset()
        elif plan.garbage:
            handler.send_response(200)
            handler.send_header("Content-Length", "3")
            handler.end_headers()
            handler.wfile.write(b"{x}")
        else:
            time.sleep(plan.first_s)
            text = plan.text * plan.tokens
            choice = {"message": {"role": "assistant", "content": text}} if "messages" in body else {"text": text}
            handler.answer(200, {"model": body.get("model"), "choices": [{"index": 0, "finish_reason": "stop", **choice}],
                                 "usage": {"prompt_tokens": 5, "completion_tokens": plan.tokens}})

    def stream(self, handler, plan, is_chat):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()

        def event(value):
            handler.chunk(f"data: {json.dumps(value)}\n\n")

        if is_chat:
            event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
        if plan.reasoning:
            event({"choices": [{"index": 0, "delta": {"reasoning_content": plan.reasoning, "content": plan.reasoning_with}}]})
        time.sleep(plan.first_s)
        for i in range(plan.tokens):
            if i > 0:
                time.sleep(plan.between_s)
            if plan.cut_after == i:
                if plan.reset:
                    handler.reset()
                else:
                    handler.chunk("")  # a proper end, but too early
                return
            if plan.garbage:
                handler.chunk("data: {no json\n\n")
            event({"choices": [{"index": 0, "delta": {"content": plan.text}} if is_chat else {"index": 0, "text": plan.text}]})
        if plan.usage:
            event({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": plan.tokens,
                                            "prompt_tokens_details": {"cached_tokens": 2}}})
        handler.chunk("data: [DONE]\n\n")
        handler.chunk("")

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()
