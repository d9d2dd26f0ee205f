"""Subjects of pages, and a page as a browser reads it."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from tools.compare import judge_run
from tools.page.subject import Subject
from tools.tests import samples

VOID = {"meta", "input", "img", "br"}


def subject(run=None, *baselines, outcomes=(), recent=None):
    run = run or samples.full_run()
    stored = {each.path: each for each in baselines or (samples.full_baseline(),)}
    return Subject(run, judge_run(run, stored), stored, tuple(outcomes), recent or {}, Path("runs/x.json"))


@dataclass
class Document(HTMLParser):
    """elements: name and attributes, in order; texts: what a reader sees; scripts: id -> content."""

    elements: list = field(default_factory=list)
    texts: list = field(default_factory=list)
    scripts: dict = field(default_factory=dict)
    inside: str = ""

    def __post_init__(self):
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.inside = dict(attrs).get("id", tag) if tag in ("script", "style") else ""

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside:
            self.scripts[self.inside] = self.scripts.get(self.inside, "") + data
        elif data.strip():
            self.texts.append(data.strip())

    @property
    def text(self):
        return " ".join(self.texts)


def parsed(text):
    document = Document()
    document.feed(text)
    document.close()
    return document
