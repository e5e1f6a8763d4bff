#!/usr/bin/env python3
"""Whether the web page can be read by all: contrast, names and states for screen readers, the focus.

usage: web_access_test.py PATH/TO/ernie --static    the colours of the style sheet
       web_access_test.py PATH/TO/ernie             the page in a headless Chromium
"""

import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from web_test import InBrowser, main, read  # noqa: E402


def contrast(*colours):
    """The ratio of two colours `#rgb` or `#rrggbb`, as the Web Content Accessibility Guidelines define it."""
    levels = []
    for colour in colours:
        digits = colour.lstrip("#")
        parts = [int(digits[i] * 2 if len(digits) == 3 else digits[2 * i:2 * i + 2], 16) / 255 for i in range(3)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        levels.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(levels) + 0.05) / (min(levels) + 0.05)


class Colours(unittest.TestCase):
    def test_colours_can_be_told_apart(self):
        """Level AA: 4.5 for text, 3 for borders, lines and the mark of the focus."""
        light, dark = (dict(re.findall(r"--([\w-]+): (#\w+);", block)) for block in re.findall(r":root \{(.*?)\}", read("style.css"), re.DOTALL))
        texts = [(text, ground) for text in ("text", "soft", "main", "good", "bad") for ground in ("page", "card")]
        texts += [(text, ground) for text in ("text", "soft", "main") for ground in ("likely", "unsure", "unlikely")]
        texts += [("on-main", "main"), ("note-text", "note")]
        for colours in (light, {**light, **dark}):
            for one, other in texts:
                self.assertGreaterEqual(contrast(colours[one], colours[other]), 4.5, f"{one} on {other}")
            for line in ("soft", "main", "second"):
                self.assertGreaterEqual(contrast(colours[line], colours["card"]), 3, line)


class Access(InBrowser):
    def test_texts_have_contrast(self):
        """Every text that is seen, in both schemes and on all the colours of tokens, has the ratio of level AA."""
        for seed in range(4):
            self.ask("Hi", max_tokens=8, seed=seed)
        self.assertGreater(self.browser.value("document.querySelectorAll('.got .token').length"), 7)
        self.click(".check")
        self.browser.wait("document.querySelectorAll('.receipt li').length > 0")
        self.browser.value("document.getElementById('error').textContent = 'a problem'")
        self.browser.value("""document.querySelectorAll(".got .token").forEach((token, i) => {
            token.className = `token ${["sure", "likely", "unsure", "unlikely", "likely end", "unsure end", "unlikely end"][i % 7]}`; })""")
        for scheme in ("light", "dark"):
            self.browser.look(1280, 900, scheme)
            self.browser.value("new Promise((done) => setTimeout(done, 300))")  # colours of buttons change by and by
            self.browser.value("document.activeElement.blur(); document.querySelector('.got .token').focus()")
            self.assertGreater(self.low_contrasts()["seen"], 100)
            self.assertEqual(self.low_contrasts()["low"], [])
            self.click("#key-open")
            self.assertEqual(self.low_contrasts()["low"], [])
            self.click("#key-cancel")

    def low_contrasts(self):
        return self.browser.value("""(() => {
            const level = (colour) => {
              const [r, g, b] = colour.match(/[\\d.]+/g).map((part) => part / 255)
                .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
              return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
            };
            const ground = (one) => {
              const colour = getComputedStyle(one).backgroundColor;
              return colour === "rgba(0, 0, 0, 0)" && one.parentElement ? ground(one.parentElement) : colour;
            };
            const seen = [...document.querySelectorAll("body *")].filter((one) => one.checkVisibility()
              && [...one.childNodes].some((part) => part.nodeType === Node.TEXT_NODE && part.data.trim() !== ""));
            const low = [];
            for (const one of seen) {
              const levels = [level(getComputedStyle(one).color), level(ground(one))];
              const ratio = Math.max(...levels) / Math.min(...levels);
              if (ratio < 4.5) low.push(`${one.tagName} ${one.className} "${one.textContent}": ${ratio.toFixed(2)}`);
            }
            return { seen: seen.length, low };
        })()""")

    def test_everything_has_a_name(self):
        """What a screen reader is told: each control, region and picture has a name, a token says its probability."""
        self.ask("Hi", max_tokens=8, seed=1)
        self.click("#key-open")
        self.assertEqual(self.nameless(), [])
        self.click("#key-cancel")
        self.assertEqual(self.nameless(), [])
        self.browser.value("document.querySelector('.got .token').focus()")
        [focused] = [one for one in self.accessible() if any(p["name"] == "focused" and p["value"]["value"] for p in one.get("properties", []))
                     and one["role"]["value"] != "RootWebArea"]
        self.assertIn("Probability", focused.get("description", {}).get("value", ""))
        self.assertEqual([one for one in self.roles() if one in ("alert", "status")].count("status"), 3)  # of them one of the receipt

    def accessible(self):
        self.browser.call("Accessibility.enable")
        return [one for one in self.browser.call("Accessibility.getFullAXTree")["nodes"] if not one["ignored"]]

    def roles(self):
        return [one["role"]["value"] for one in self.accessible()]

    def nameless(self):
        """Nodes without a name whose role needs one."""
        needs = {"button", "textbox", "spinbutton", "radio", "checkbox", "link", "DisclosureTriangle", "dialog", "region", "image", "group",
                 "heading", "combobox"}
        found = self.accessible()
        self.assertGreater(len([one for one in found if one["role"]["value"] in needs]), 3)
        return [one["role"]["value"] for one in found if one["role"]["value"] in needs and not one.get("name", {}).get("value")]

    def test_answers_are_spoken(self):
        self.ask("Hi", max_tokens=8, seed=1)
        self.assertEqual(self.text("#spoken"), self.text(".got .answer").replace("■", ""))
        self.assertEqual(self.browser.value("document.getElementById('spoken').getAttribute('role')"), "status")
        self.click("#reset")
        self.assertEqual(self.text("#spoken"), "")

    def test_focus_stays(self):
        """No button takes the focus along when it is disabled, and a choice does not move it."""
        focused = "document.activeElement.id"
        self.fill(prompt="Hi", max_tokens=8)
        self.browser.value("document.getElementById('send').focus()")
        self.click(":focus")
        self.browser.wait("document.querySelectorAll('.note').length === 1")
        self.assertEqual(self.browser.value(focused), "send")
        self.browser.value("document.getElementById('mode-completion').focus()")
        self.click("#mode-completion")
        self.assertEqual(self.browser.value(focused), "mode-completion")
        self.click("#reset")
        self.assertEqual(self.browser.value(focused), "prompt")


if __name__ == "__main__":
    main(static=(Colours,), in_browser=(Access,))
