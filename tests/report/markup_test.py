#!/usr/bin/env python3
"""Parses the HTML of the sample reports as XML: well-formed, ids unique, links of the page lead
somewhere, shapes lie inside their drawings, numbers are finite. usage: markup_test.py REPORT_SAMPLE"""

import html.parser
import math
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

HTML = "{http://www.w3.org/1999/xhtml}"
SVG = "{http://www.w3.org/2000/svg}"
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|inf")


def numbers(text):
    return [float(number) for number in NUMBER.findall(text)]


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def check_ids(root):
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    check(len(ids) == len(set(ids)), "an id occurs twice")
    for element in root.iter():
        target = element.get("href", "")
        check(target == "" or target[1:] in ids, f"link to {target}, which is not there")
        label = element.get("aria-labelledby")
        check(label is None or label in ids, f"no label {label}")


def check_drawing(svg):
    left, top, width, height = numbers(svg.get("viewBox"))
    for element in svg.iter():
        tag = element.tag.removeprefix(SVG)
        for name in ("x", "y", "width", "height", "cx", "cy", "r"):
            value = element.get(name)
            check(value is None or math.isfinite(float(value)), f"{tag} {name}={value}")
        if tag in ("rect", "text", "circle"):
            x = float(element.get("x", element.get("cx")))
            y = float(element.get("y", element.get("cy")))
            right, bottom = x + float(element.get("width", 0)), y + float(element.get("height", 0))
            inside = left <= x and right <= width + 0.1 and top <= y and bottom <= height + 0.1
            check(inside, f"{tag} at {x}, {y} to {right}, {bottom} of {width} x {height}")
        if tag == "path":
            check(all(map(math.isfinite, numbers(element.get("d")))), element.get("d"))
        check(not re.search("nan|inf", element.get("transform", "")), element.get("transform"))


class Strict(html.parser.HTMLParser):
    """An HTML parser must see the same elements as an XML parser."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags = []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)

    handle_startendtag = handle_starttag


def check_report(program, language, kind):
    text = subprocess.run([program, "html", language] + kind, check=True,
                          capture_output=True).stdout.decode("utf-8")
    doctype, document = text.split("\n", 1)
    check(doctype == "<!DOCTYPE html>", doctype)
    root = ElementTree.fromstring(document)
    check(root.get("lang", "").startswith(language), "the language is not declared")
    parser = Strict()
    parser.feed(text)
    tags = [re.sub(r"{.*}", "", element.tag).lower() for element in root.iter()]
    check(parser.tags == tags, "HTML and XML parsers disagree")
    check_ids(root)
    drawings = root.findall(f".//{HTML}div[@class='plot']/{SVG}svg")
    check(len(drawings) >= 4, f"{len(drawings)} drawings")
    for svg in drawings:
        check_drawing(svg)
    return len(tags)


def main():
    for language in ("en", "zh"):
        for kind in ([], ["hostile"]):
            count = check_report(sys.argv[1], language, kind)
            print(f"{language} {' '.join(kind)}: {count} elements")


if __name__ == "__main__":
    main()
