#!/usr/bin/env python3
"""The web page of `ernie serve`.

usage: web_test.py PATH/TO/ernie --static                    what can be seen without a browser
       web_test.py PATH/TO/ernie [--screenshots DIRECTORY]   the page in a headless Chromium
"""

import argparse
import html.parser
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from chromium import Browser  # noqa: E402
from server import Server  # noqa: E402

WEB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "web")
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".svg": "image/svg+xml"}
OPTIONS = None


def read(name):
    with open(os.path.join(WEB, name), encoding="utf-8") as file:
        return file.read()


class Elements(html.parser.HTMLParser):
    """The elements of a page: name, attributes, attributes of the label around."""

    def __init__(self, content):
        super().__init__()
        self.all, self.in_label = [], False
        self.feed(content)

    def handle_starttag(self, tag, attrs):
        if tag == "label":
            self.in_label = True
        self.all.append((tag, dict(attrs), self.in_label))

    def handle_endtag(self, tag):
        if tag == "label":
            self.in_label = False


class Static(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(OPTIONS.binary, "--api-key", "secret")
        cls.addClassCleanup(cls.server.__exit__)
        cls.names = sorted(os.listdir(WEB))
        cls.scripts = {name: read(name) for name in cls.names if name.endswith(".js")}
        cls.elements = Elements(read("index.html")).all

    def test_files_are_served(self):
        self.assertIn("app.js", self.names)
        for name in self.names:
            reply = self.server.get(f"/web/{name}")
            self.assertEqual(reply.status, 200, name)
            self.assertEqual(reply.body.decode(), read(name))
            self.assertEqual(reply.headers["content-type"], TYPES[os.path.splitext(name)[1]])
            policy = reply.headers["content-security-policy"]
            self.assertIn("default-src 'none'", policy)
            self.assertIn("connect-src 'self'", policy)
            self.assertNotIn("unsafe", policy)
            self.assertEqual(reply.headers["x-content-type-options"], "nosniff")
        self.assertEqual(self.server.get("/web/none.js").status, 404)
        self.assertEqual(self.server.get("/web/../CMakeLists.txt").status, 404)

    def test_page_needs_no_key(self):
        reply = self.server.get("/")
        self.assertEqual((reply.status, reply.body.decode()), (200, read("index.html")))
        for path in ("/v1/models", "/metrics"):
            self.assertEqual(self.server.get(path).status, 401)

    def test_nothing_comes_from_elsewhere(self):
        for name in self.names:
            content = read(name).replace("http://www.w3.org/2000/svg", "")
            self.assertIsNone(re.search(r"https?://|url\(|@import|eval\(|innerHTML|outerHTML|insertAdjacent|document\.write", content),
                              name)
        for tag, attributes, _ in self.elements:
            self.assertNotIn("style", attributes)
            self.assertEqual([name for name in attributes if name.startswith("on")], [])
            for name in ("src", "href"):
                self.assertFalse(attributes.get(name, "web/").startswith("/"), "paths are relative, for --root-path")
            if tag == "script":
                self.assertIn("src", attributes)

    def test_ids_exist(self):
        ids = [attributes["id"] for _, attributes, _ in self.elements if "id" in attributes]
        self.assertEqual(len(ids), len(set(ids)))
        used = set()
        for script in self.scripts.values():
            used.update(re.findall(r'\belement\("([\w-]+)"\)', script))
        self.assertIn("prompt", used)
        numbers = re.search(r"kNumbers = \[(.*?)\]", self.scripts["app.js"], re.DOTALL)[1]
        used.update(re.findall(r'"(\w+)"', numbers))
        self.assertEqual(used - set(ids), set())
        for _, attributes, _ in self.elements:
            for name in ("for", "form", "aria-labelledby", "aria-describedby"):
                if name in attributes:
                    self.assertIn(attributes[name], ids)

    def test_strings(self):
        languages = {}
        for name, block in re.findall(r"^  (en|zh): \{$(.*?)^  \},$", self.scripts["strings.js"], re.DOTALL | re.MULTILINE):
            languages[name] = dict(re.findall(r'^    (\w+): "(.*)",$', block, re.MULTILINE))
        self.assertEqual(sorted(languages), ["en", "zh"])
        self.assertEqual(list(languages["en"]), list(languages["zh"]))
        for key, english in languages["en"].items():
            self.assertEqual(sorted(re.findall(r"\{\w+\}", english)), sorted(re.findall(r"\{\w+\}", languages["zh"][key])), key)
        used = {value for _, attributes, _ in self.elements for name, value in attributes.items() if name.startswith("data-i18n")}
        for script in self.scripts.values():
            used.update(re.findall(r'\btext\("(\w+)"', script))
            used.update(re.findall(r'\bkey: "(\w+)"', script))
        self.assertEqual(used - set(languages["en"]), set())

    def test_inputs_have_labels(self):
        named = {attributes["for"] for tag, attributes, _ in self.elements if tag == "label" and "for" in attributes}
        count = 0
        for tag, attributes, in_label in self.elements:
            if tag in ("input", "textarea", "select"):
                count += 1
                self.assertTrue(in_label or attributes["id"] in named, attributes)
        self.assertGreater(count, 10)


class InBrowser(unittest.TestCase):
    flags, language, key = (), "en-US", ""

    def setUp(self):
        self.server = Server(OPTIONS.binary, *self.flags)
        self.addCleanup(self.server.__exit__)
        self.browser = Browser(self.language)
        self.addCleanup(self.browser.close)
        self.browser.look(1280, 900, "light")
        self.browser.open(f"http://127.0.0.1:{self.server.port}/")

    def fill(self, **values):
        for name, value in values.items():
            self.browser.value(f"document.getElementById({json.dumps(name)}).value = {json.dumps(value)}")

    def click(self, selector):
        self.browser.value(f"document.querySelector({json.dumps(selector)}).click()")

    def text(self, selector):
        return self.browser.value(f"document.querySelector({json.dumps(selector)})?.textContent")

    def ask(self, prompt, **settings):
        """Sends and waits for the end."""
        before = self.browser.value("document.querySelectorAll('.note').length")
        self.fill(prompt=prompt, **settings)
        self.click("#send")
        self.browser.wait(f"document.querySelectorAll('.note').length === {before + 1} && document.getElementById('stop').ariaDisabled === 'true'")

    def no_problems(self, allowed=None):
        found = [one for one in self.browser.problems() if not (allowed and allowed in one)]
        self.assertEqual(found, [])
        origin = f"http://127.0.0.1:{self.server.port}/"
        for address in self.browser.addresses():
            self.assertTrue(address.startswith((origin, "blob:" + origin)), address)


class Page(InBrowser):
    def test_completion_equals_the_api(self):
        self.click("#mode-completion")
        self.ask("The capital of France is", max_tokens=6, temperature=0)
        body = {"prompt": "The capital of France is", "max_tokens": 6, "temperature": 0}
        expected = self.server.post("/v1/completions", body).json()["choices"][0]["text"]
        self.assertEqual(self.text(".got .answer").replace("■", ""), expected)
        self.assertRegex(self.text("#status"), r"^\d+ tokens · first after \d+ ms · [\d.–]+ tokens/s · seed \d+ · end: stop$")
        self.assertFalse(self.browser.value("document.getElementById('demo').hidden"))
        self.assertIn("ernie-demo", self.text("#model"))
        self.no_problems()

    def test_chat_has_turns_and_a_reset(self):
        self.ask("Hi", max_tokens=8, seed=1, system="Be brief.")
        self.ask("And now?", max_tokens=8, seed=1)
        bodies = [json.loads(event["params"]["request"]["postData"]) for event in self.browser.events
                  if event["method"] == "Network.requestWillBeSent" and "postData" in event["params"]["request"]]
        self.assertEqual([one["role"] for one in bodies[-1]["messages"]], ["system", "user", "assistant", "user"])
        self.assertEqual(self.browser.value("document.querySelectorAll('.entry').length"), 4)
        self.click("#reset")
        self.ask("Hi", max_tokens=4, seed=1)
        self.assertEqual(self.browser.value("document.querySelectorAll('.entry').length"), 2)
        self.no_problems()

    def answer_for_long(self):
        self.fill(prompt="Once upon a time", max_tokens=3900, temperature=1, seed=1)
        self.browser.value("""(() => { const real = fetch;
            window.fetch = (path, options) => real(path, { ...options,
              body: options.body && JSON.stringify({ ...JSON.parse(options.body), ignore_eos: true }) }); })()""")

    def test_another_mode_ends_the_answer(self):
        self.answer_for_long()
        self.click("#send")
        self.browser.wait("document.querySelectorAll('.got .token').length > 3")
        self.click("#mode-completion")
        self.browser.wait("document.getElementById('stop').ariaDisabled === 'true'")
        self.server.wait_until_idle()
        self.assertEqual(self.server.metric("vllm:request_success_total", finished_reason="abort"), 1)
        self.assertEqual(self.browser.value("document.querySelectorAll('.entry').length"), 0)
        self.no_problems()

    def test_keys_send_and_stop(self):
        self.click("#mode-completion")
        self.answer_for_long()
        self.browser.value("document.getElementById('prompt').focus()")
        self.browser.key("Enter", modifiers=2)
        self.browser.wait("document.querySelectorAll('.got .token').length > 3")
        self.browser.key("Escape")
        self.browser.wait("document.getElementById('status').textContent.startsWith('Stopped')")
        self.server.wait_until_idle()
        self.assertEqual(self.server.metric("vllm:request_success_total", finished_reason="abort"), 1)
        self.assertIsNone(self.text(".check"))
        self.no_problems()

    def test_probabilities(self):
        for mode in ("#mode-completion", "#mode-chat"):
            self.click(mode)
            self.ask("The capital of France is", max_tokens=6, temperature=1, seed=3, alternatives=4)
            at = self.browser.value("(() => { const box = document.querySelector('.got .token').getBoundingClientRect();"
                                    " return [box.x + 2, box.y + 4]; })()")
            self.browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=at[0], y=at[1])
            self.browser.wait("!document.getElementById('details').hidden")
            self.assertGreaterEqual(self.browser.value("document.querySelectorAll('#details tbody tr').length"), 4)
            self.assertRegex(self.text("#details p"), r"Probability (< )?\d+\.\d\d %")
            self.browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=2, y=2)
            self.browser.wait("document.getElementById('details').hidden")
            self.browser.value("document.querySelector('.got .token').focus()")
            first = self.text("#details")
            self.browser.key("ArrowRight")
            self.assertFalse(self.browser.value("document.getElementById('details').hidden"))
            self.assertNotEqual(self.text("#details"), first)
        self.no_problems()

    def test_receipt(self):
        self.click("#mode-completion")
        self.ask("The capital of France is", max_tokens=12, temperature=1)
        self.click(".check")
        self.browser.wait("document.querySelectorAll('.receipt li').length === 7")
        self.assertEqual(self.browser.value("document.querySelectorAll('.receipt .bad').length"), 0)
        self.assertIn("equal in everything compared", self.text(".receipt"))
        self.verify_download()
        self.click("#mode-chat")
        self.ask("Hi", max_tokens=12, temperature=1)
        self.verify_download()
        self.no_problems()

    def verify_download(self):
        self.browser.value("""(() => { const real = URL.createObjectURL;
            window.saved = null;
            URL.createObjectURL = (blob) => { blob.text().then((it) => { window.saved = it; }); return real(blob); }; })()""")
        self.click(".download")
        saved = self.browser.wait("window.saved")
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "answer.jsonl")
            with open(path, "w", encoding="utf-8") as file:
                file.write(saved)
            run = subprocess.run([OPTIONS.binary, "verify", "receipt", path, "--quiet", "--part"], capture_output=True, text=True,
                                 check=False)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertIn("1 verified", run.stdout)

    def test_details_survive_scrolling(self):
        for _ in range(6):
            self.ask("Hi", max_tokens=8, seed=1)
        self.browser.value("document.getElementById('conversation').scrollTop = 1e6")
        self.browser.value("new Promise((done) => setTimeout(done, 300))")
        self.browser.value("document.querySelector('.got .token').focus()")
        self.browser.value("new Promise((done) => setTimeout(done, 300))")
        self.assertFalse(self.browser.value("document.getElementById('details').hidden"))

    def test_receipt_that_differs(self):
        """A server that answers something else the second time is found out."""
        self.click("#mode-completion")
        self.ask("The capital of France is", max_tokens=12, temperature=1)
        self.browser.value("""(() => { const real = fetch;
            window.fetch = (path, options) => real(path, { ...options,
              body: options.body && JSON.stringify({ ...JSON.parse(options.body), prompt: "Once upon a time" }) }); })()""")
        self.click(".check")
        self.browser.wait("document.querySelectorAll('.receipt li.bad').length >= 3")
        self.assertIn("The answers differ", self.text(".receipt"))

    def test_html_is_inert(self):
        attack = "<img src=x onerror='window.hacked = 1'><script>window.hacked = 1</script>"
        self.click("#mode-completion")
        self.browser.value("""(() => { const real = fetch;
            window.fetch = async (path, options) => path !== "v1/completions" ? real(path, options) : new Response(
              "data: " + JSON.stringify({ id: "cmpl-1", choices: [{ index: 0, text: ATTACK, finish_reason: "stop",
                logprobs: { tokens: [ATTACK], token_logprobs: [-1], top_logprobs: [{ [ATTACK]: -1 }] } }] })
              + "\\n\\ndata: [DONE]\\n\\n"); })()""".replace("ATTACK", json.dumps(attack)))
        self.ask(attack)
        self.browser.value("document.querySelector('.got .token').focus()")
        self.assertEqual(self.text(".got .token"), attack)
        self.assertEqual(self.browser.value("document.querySelectorAll('img, .entry script, #details script').length"), 0)
        self.assertIsNone(self.browser.value("window.hacked"))
        self.no_problems()

    def test_errors_are_said(self):
        self.ask_for_error({"status": 429, "headers": {"Retry-After": "7"}})
        self.assertIn("Try again in 7 s", self.text("#error"))
        self.server.process.kill()
        self.server.process.wait()
        self.click("#reset")
        self.fill(prompt="Hi")
        self.browser.value("window.fetch = window.real_fetch")
        self.click("#send")
        self.browser.wait("document.getElementById('error').textContent.includes('cannot be reached')")
        self.assertEqual(self.browser.value("document.getElementById('error').getAttribute('role')"), "alert")

    def ask_for_error(self, reply):
        self.browser.value("""(() => { window.real_fetch = fetch;
            window.fetch = async (path, options) => path === "metrics" ? window.real_fetch(path, options)
              : new Response('{"error": {"message": "full"}}', %s); })()""" % json.dumps(reply))
        self.fill(prompt="Hi")
        self.click("#send")
        self.browser.wait("document.getElementById('error').textContent !== ''")

    def test_charts_show_what_happens(self):
        self.ask("Hi", max_tokens=500)
        self.browser.wait("/^M.*L/.test(document.querySelector('.line.throughput').getAttribute('d'))")
        self.browser.wait("/highest (?!0\\.0)/.test(document.querySelector('#charts svg').getAttribute('aria-label'))")
        self.no_problems()

    def test_language_can_be_switched(self):
        self.click("#language")
        self.assertEqual(self.browser.value("document.documentElement.lang"), "zh-CN")
        self.assertEqual(self.text("#send"), "发送")
        self.click("#language")
        self.assertEqual(self.text("#send"), "Send")

    def test_fits_a_narrow_screen(self):
        self.ask("Hi", max_tokens=60, seed=2)
        self.browser.look(320, 700, "light")
        self.assertLessEqual(self.browser.value("document.documentElement.scrollWidth"),
                             self.browser.value("document.documentElement.clientWidth"))

    def test_screenshots(self):
        if not OPTIONS.screenshots:
            self.skipTest("no --screenshots")
        os.makedirs(OPTIONS.screenshots, exist_ok=True)
        self.ask("The capital of France is", max_tokens=40, seed=4)
        self.click(".check")
        self.browser.wait("document.querySelectorAll('.receipt li').length > 0")
        self.ask("中国的首都是哪里？", max_tokens=300, seed=5)
        self.browser.wait("/^M.*L/.test(document.querySelector('.line.throughput').getAttribute('d'))")
        for width, size in (("wide", (1280, 1000)), ("narrow", (320, 1400))):
            for scheme in ("light", "dark"):
                self.browser.look(*size, scheme)
                self.browser.value("document.activeElement.blur(); document.querySelector('.got .token').focus()")
                self.browser.value("new Promise((done) => setTimeout(done, 300))")
                self.browser.screenshot(os.path.join(OPTIONS.screenshots, f"{width}-{scheme}.png"))
        self.click("#language")
        self.browser.look(1280, 1000, "light")
        self.browser.screenshot(os.path.join(OPTIONS.screenshots, "wide-zh.png"))
        self.click("#key-open")
        self.browser.screenshot(os.path.join(OPTIONS.screenshots, "key.png"))


class WithKey(InBrowser):
    flags = ("--api-key", "secret")

    def test_key_is_asked_for(self):
        self.browser.wait("document.getElementById('key-dialog').open")
        self.fill(**{"key-input": "wrong"})
        self.click("#key-form button[type=submit]")
        self.browser.wait("document.getElementById('key-dialog').open && document.getElementById('key-error').textContent !== ''")
        self.fill(**{"key-input": "secret"})
        self.click("#key-form button[type=submit]")
        self.browser.wait("document.getElementById('model').textContent.includes('ernie-demo')")
        self.ask("Hi", max_tokens=4)
        self.browser.wait("document.getElementById('charts-note').hidden")
        self.assertEqual(self.browser.value("[sessionStorage.length, localStorage.length]"), [1, 0])
        self.no_problems(allowed="401")


class InChinese(InBrowser):
    language = "zh-CN"

    def test_language_of_the_browser(self):
        self.assertEqual(self.text("#send"), "发送")
        self.assertEqual(self.browser.value("document.documentElement.lang"), "zh-CN")
        self.no_problems()


class UnderAPrefix(InBrowser):
    flags = ("--root-path", "/ernie")

    def test_paths_are_relative(self):
        self.browser.open(f"http://127.0.0.1:{self.server.port}/ernie/")
        self.browser.wait("document.getElementById('model').textContent.includes('ernie-demo')")
        self.ask("Hi", max_tokens=4)
        self.no_problems()


def main(static=(Static,), in_browser=(Page, WithKey, InChinese, UnderAPrefix)):
    global OPTIONS  # pylint: disable=global-statement
    parser = argparse.ArgumentParser(usage=sys.modules["__main__"].__doc__)
    parser.add_argument("binary")
    parser.add_argument("--static", action="store_true")
    parser.add_argument("--screenshots")
    OPTIONS, rest = parser.parse_known_args()
    names = [one.__name__ for one in (static if OPTIONS.static else in_browser)]
    unittest.main(argv=[sys.argv[0], *rest] if any(not one.startswith("-") for one in rest) else [sys.argv[0], *rest, *names])


if __name__ == "__main__":
    main()
