"""The whole page: plain HTML first, nothing of a run becomes an element, and a browser shows what was said."""

import json
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import replace

import pytest

from tools.page.document import html
from tools.records import Metric
from tools.tests.ab.test_outcome import judgement, outcome
from tools.tests.page.samples import VOID, parsed, subject
from tools.tests.samples import CASE, baseline, fingerprint, record, run, stored

HOSTILE = (
    "</script><script>document.title='taken'</script>",
    '"><img src=x onerror="document.title=1">',
    "' onmouseover='document.title=1' x='",
    "{{ 7 * 7 }}{% raw %}",
    "</title></style></svg><svg onload=document.title=1>",
    "<!--",
    "javascript:document.title=1",
    "\u202e\x00\x1b[31m\n\ud800",
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def hostile(text):
    """Everything that a file can bring, made of this text."""
    case = f"attention/{text}/x"
    place = fingerprint(software={text: text}, device={"processor": text})
    made = run(
        record(case, params={text: text, "model": text}, latency_s=Metric(0.02, (0.01, 0.02, 0.04), where=text)),
        record(f"inference/{text}/m", params={"model": text, "runtime": text, "batch": 1}, latency_s=1.0, sqnr_db=9.0),
        record(f"inference/b{text}/m", latency_s=2.0, sqnr_db=8.0),
        record(f"inference/c{text}/m", latency_s=3.0, sqnr_db=7.0, floor_share=0.5),
        record(f"{text}/y", "error", text),
        record(f"mxint8/{text}/z", latency_s=1.0, moved_bytes_per_s=1e9, flops_per_s=1e9, floor_share=0.5),
        place=place,
        commit=text,
    )
    node = f"perf_tests/{text}.py::test[{text}]"
    told = [replace(each, node=node, line=3, software={text: text}, disturbed="") for each in made.records]
    made = replace(made, records=tuple(told), profile=text)
    kept = baseline({case: stored(latency_s=(0.01, 0.0101, 0.0099)), f"attention/{text}/gone": stored(latency_s=1.0)})
    recent = {(case, "latency_s"): [(text, 0.01), (text, 0.02)]}
    job = outcome(judgement(reason=text, case=case), problem=text)
    return subject(made, kept, outcomes=(job,), recent=recent)


def outline(page):
    """Names of elements, and attributes by element: what only the template may decide."""
    names = Counter(name for name, _ in page.elements)
    return names, Counter((name, key) for name, attributes in page.elements for key in attributes)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_a_run_becomes_an_element_or_attribute(text):
    page, harmless = parsed(html(hostile(text))), parsed(html(hostile("harmless")))
    assert outline(page) == outline(harmless)
    assert not any(
        key.startswith("on") or (key in ("style", "href") and not value.startswith("#"))
        for _, attributes in page.elements
        for key, value in attributes.items()
    )
    assert page.scripts.keys() == harmless.scripts.keys() == {"style", "script", "sorting", "dossiers"}
    assert page.scripts["script"] == harmless.scripts["script"]


@pytest.mark.parametrize("text", HOSTILE[:5])
def test_hostile_text_is_shown_as_text(text):
    page = parsed(html(hostile(text)))
    assert text in page.text
    assert any(text in word for word in json.loads(page.scripts["dossiers"])["words"])


def test_control_characters_are_shown_and_the_page_can_be_written():
    text = html(hostile(HOSTILE[-1]))
    assert parsed(text).text.count("\\x202e\\x00\\x1b[31m\\x0a\\xd800") > 10
    assert not set("\u202e\x00\x1b\ud800") & set(text)
    assert text.encode()


def test_elements_are_closed_and_ids_are_one_each():
    text = html(subject())
    page = parsed(text)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for name in {name for name, _ in page.elements} - VOID - {"td", "th", "tr", "option"}:
        assert len(re.findall(rf"<{name}[\s>]", text)) == text.count(f"</{name}>"), name


def test_the_page_needs_nothing_from_elsewhere():
    page = parsed(html(subject()))
    assert not any(name in ("link", "iframe", "object", "embed", "base") for name, _ in page.elements)
    addresses = [value for _, each in page.elements for key, value in each.items() if key in ("src", "href", "action")]
    assert all(value.startswith(("#", "data:")) for value in addresses)


def test_sections_stand_in_the_order_in_which_they_are_needed():
    page = parsed(html(subject()))
    assert [attributes["id"] for name, attributes in page.elements if name == "section"] == [
        "attention",
        "plots",
        "cases",
        "tables",
    ]
    headings = [name for name, _ in page.elements if re.fullmatch(r"h\d", name)]
    assert headings[0] == "h1"
    assert headings.count("h1") == 1


def test_every_case_is_in_the_document_without_any_script():
    made = run(*(record(f"attention/m/{number}", latency_s=1.0) for number in range(30)))
    page = parsed(html(subject(made)))
    assert all(f"attention/m/{number}" in page.texts for number in range(30))


def test_headings_of_tables_have_a_scope_and_what_is_folded_a_summary():
    page = parsed(html(subject()))
    assert all(attributes.get("scope") in ("col", "row") for name, attributes in page.elements if name == "th")
    names = [name for name, _ in page.elements]
    assert names.count("details") == names.count("summary")


def test_an_empty_run_is_a_page_too():
    page = parsed(html(subject(run(), baseline({}))))
    assert "could not judge (3): nothing was measured" in page.texts


@pytest.fixture
def browser():
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no browser: apt-get install chromium")
    return found


def shown(browser, file):
    """The document after its script has run, as the browser writes it down."""
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--dump-dom")
    done = subprocess.run([browser, *flags, file.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


# Opens every case, so that all details are made. It stands in for a reader, so the policy has to be lifted for it.
OPEN_ALL = "<script>document.querySelectorAll('#table tbody button').forEach(button => button.click())</script></body>"


def opened(browser, folder, of):
    file = folder / "page.html"
    lifted = re.sub(r"<meta http-equiv[^>]*>", "", html(of)).replace("</body>", OPEN_ALL)
    file.write_text(lifted, encoding="utf-8")
    return parsed(shown(browser, file))


def test_the_script_runs_under_the_policy_and_opens_the_filter(browser, tmp_path):
    file = tmp_path / "page.html"
    file.write_text(html(subject()), encoding="utf-8")
    page = parsed(shown(browser, file))
    [form] = [attributes for name, attributes in page.elements if name == "form"]
    assert "hidden" not in form
    assert "4 of 4 cases" in page.texts


@pytest.mark.parametrize("text", ["".join(HOSTILE[:4])])
def test_details_made_by_the_script_hold_text_only(browser, tmp_path, text):
    page, harmless = (opened(browser, tmp_path, hostile(each)) for each in (text, "harmless"))
    assert outline(page) == outline(harmless)
    assert sum(name == "tr" and attributes.get("class") == "detail" for name, attributes in page.elements) == 7
    assert page.text.count(text) > 20


def test_details_show_metrics_and_distributions(browser, tmp_path):
    made = run(record(latency_s=Metric(0.011, (0.01, 0.011, 0.013)), peak_allocated_bytes=4096))
    page = opened(browser, tmp_path, subject(made, baseline({CASE: stored(latency_s=(0.01, 0.02))})))
    assert {"latency_s", "4.00 KiB", "baseline, 2 processes", "this run, 3 rounds", "median 11 ms"} <= set(page.texts)
