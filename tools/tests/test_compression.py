import dataclasses
import re
import subprocess
import sys
import urllib.parse
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tools import paired
from tools.__main__ import main
from tools.compression import DENSE, NOTHING, compression
from tools.plots import svg
from tools.records import Metric, outcomes_of
from tools.tables import printable
from tools.tests.samples import CASE, NASTY, record, run, run_file
from tools.tests.test_tables import HOSTILE

ROOT = Path(__file__).resolve().parents[2]
WIDTH = "fixed point: top-1 against width"
SIZES = "stored model, KiB"


def quantized(kind="ptq", model="encoder", family="integer", asked=(), status="ok", reason="", **values):
    params = {"model": model, "family": family, "widths": list(asked)}
    return record(f"compression/{kind}/{model}-{family}", status, reason, params=params, **values)


def pruned(target="weight", model="encoder", method="l1", scope="local", asked=(), status="ok", reason="", **values):
    params = {"model": model, "method": method, "scope": scope, "target": target, "percents": list(asked)}
    return record(f"compression/prune-{target}/{model}-{method}-{scope}", status, reason, params=params, **values)


def pipeline(order="quantize-prune", family="log", model="encoder", **values):
    params = {"model": model, "family": family, "width": 8, "order": order.split("-"), "percents": [10, 50]}
    return record(f"compression/{order}/{model}-{family}8", params=params, **values)


def search(name="architecture/tpe", course=(), status="ok", reason="", **values):
    best = {"best_top1_fraction": Metric(0.9, tuple(course))} if course else {}
    return record(f"search/{name}", status, reason, **{**best, **values})


def judged(share, count, examples="digits"):
    right = round(share * count)
    return Metric(right / count, outcomes=outcomes_of([True] * right + [False] * (count - right), examples))


def full():
    """A case of everything that the view shows."""
    width = {"top1_plain_fraction": 0.95, "top1_w4_fraction": 0.5, "top1_w8_fraction": 0.94, "model_w8_bytes": 2048}
    sparse = {"top1_plain_fraction": 0.95, "top1_s10_fraction": 0.93, "top1_s50_fraction": 0.7}
    return run(
        quantized(**width),
        quantized("qat", "mlp", **width),
        quantized(family="log", **width),
        pruned(**sparse),
        pipeline(**sparse),
        search(course=(0.8, 0.85)),
    )


def page(*records):
    return compression(run(*records), [])


def tables(*records):
    return {table.title: table for table in page(*records).tables}


def rows(table):
    """First column -> heading -> cell."""
    return {name: dict(zip(table.columns[1:], cells, strict=True)) for name, *cells in table.rows}


def plots(*records):
    return {plot.name: plot for plot in page(*records).plots.values()}


def curves(plot):
    return {line.label: line.points for line in plot.lines}


# ---------------------------------------------------------------- accuracy against width


def test_a_model_that_a_user_brought_is_shown_too():
    brought = dataclasses.replace(quantized(top1_w4_fraction=0.5), case="compression_my_nets_small/ptq/model-integer")
    assert WIDTH in tables(brought)


def test_fixed_point_has_a_line_for_each_model_and_method_and_a_level_for_each_model():
    made = [
        quantized("ptq", "mlp", top1_plain_fraction=0.93, top1_w4_fraction=0.5, top1_w8_fraction=0.92),
        quantized("ptq", "encoder", top1_plain_fraction=0.96, top1_w4_fraction=0.6),
        quantized("qat", "mlp", top1_plain_fraction=0.93, top1_w4_fraction=0.9),
    ]
    table, plot = tables(*made)[WIDTH], plots(*made)["width"]
    assert table.columns == ("model", "plain", "4 bits", "8 bits")
    assert table.rows == (
        ("mlp, PTQ", "93.0%", "50.0%", "92.0%"),
        ("encoder, PTQ", "96.0%", "60.0%", "–"),
        ("mlp, QAT", "93.0%", "90.0%", "–"),
    )
    assert curves(plot) == {
        "mlp, PTQ": ((4, 50.0), (8, 92.0)),
        "encoder, PTQ": ((4, 60.0),),
        "mlp, QAT": ((4, 90.0),),
    }
    assert [(level.label, level.y) for level in plot.levels] == [("mlp, plain", 93.0), ("encoder, plain", 96.0)]
    assert (plot.title, plot.y_label) == (WIDTH, "top-1, %")


def test_widths_are_ordered_as_numbers():
    names = {f"top1_w{width}_fraction": width / 100 for width in (16, 4, 32, 8, 5)}
    assert tables(quantized(**names))[WIDTH].columns[2:] == ("4 bits", "5 bits", "8 bits", "16 bits", "32 bits")
    [points] = curves(plots(quantized(**names))["width"]).values()
    assert points == ((4, 4.0), (5, 5.0), (8, 8.0), (16, 16.0), (32, 32.0))
    assert sorted(names) != [f"top1_w{width}_fraction" for width in (4, 5, 8, 16, 32)]  # planted: as text they are not


def test_a_point_that_is_missing_is_a_gap_and_a_blank_but_one_that_nobody_asked_for_is_neither():
    values = {"top1_w4_fraction": 0.5, "top1_w8_fraction": 0.9}
    made = [quantized(asked=[4, 6, 8], **values), quantized("qat", asked=[4, 8], **values)]
    assert curves(plots(*made)["width"]) == {
        "encoder, PTQ": ((4, 50.0), (6, None), (8, 90.0)),
        "encoder, QAT": ((4, 50.0), (8, 90.0)),
    }
    assert [row["6 bits"] for row in rows(tables(*made)[WIDTH]).values()] == ["–", "–"]


def test_a_case_without_any_point_has_blanks_and_no_plot():
    found = page(quantized(asked=[4, 8]))
    assert [table.rows for table in found.tables] == [(("encoder, PTQ", "–", "–", "–"),)]
    assert not found.plots


def test_no_metric_becomes_a_zero():
    for plot in page(*full().records).plots.values():
        assert all(y is None or y > 0 for line in plot.lines for _, y in line.points)
    for table in page(*full().records).tables:
        assert not any(re.fullmatch(r"0\.0%?|0", cell) for row in table.rows for cell in row)


@pytest.mark.parametrize(
    "name",
    [f"top1_{point}_fraction" for point in ("w04", "w1000", "w", "w4_ptq_drop_low", "w٤", "w-4", "s4", "plain")],
)
def test_other_metrics_are_no_points(name):
    [points] = curves(plots(quantized(**{name: 0.5, "top1_w8_fraction": 0.9}))["width"]).values()
    assert points == ((8, 90.0),)


@pytest.mark.parametrize("asked", [None, "48", {"4": 8}, [True, "4", 4.0, None, -1, 10**400, [4]], 4])
def test_points_that_are_no_numbers_were_not_asked_for(asked):
    made = quantized(top1_w8_fraction=0.9)
    odd = dataclasses.replace(made, params={**made.params, "widths": asked})
    assert page(odd) == page(made)


# ---------------------------------------------------------------- formats and sizes


def test_formats_stand_beside_fixed_point_at_their_widths_one_plot_for_each_method():
    made = [
        quantized(top1_w4_fraction=0.5, top1_w8_fraction=0.9, top1_w16_fraction=0.95),
        quantized(family="log", top1_w4_fraction=0.6, top1_w8_fraction=0.8),
        quantized(family="binary", top1_plain_fraction=0.96, top1_w1_fraction=0.3),
        quantized("qat", family="binary", top1_w1_fraction=0.7),
    ]
    found = plots(*made)
    assert list(found) == ["width", "format-encoder-ptq", "format-encoder-qat"]
    assert curves(found["format-encoder-ptq"]) == {
        "integer": ((4, 50.0), (8, 90.0)),
        "log": ((4, 60.0), (8, 80.0)),
        "binary": ((1, 30.0),),
    }
    assert curves(found["format-encoder-qat"]) == {"binary": ((1, 70.0),)}
    assert [level.label for level in found["format-encoder-ptq"].levels] == ["plain"]
    assert tables(*made)["encoder, PTQ: top-1 by format"].columns == ("format", "plain", "1 bit", "4 bits", "8 bits")


def test_fixed_point_alone_is_not_compared_with_itself():
    assert list(plots(quantized(top1_w4_fraction=0.5))) == ["width"]


def test_sizes_are_told_once_for_a_model_and_format():
    made = [
        quantized(model_w4_bytes=1536, model_w16_bytes=6144),
        quantized("qat", model_w4_bytes=1536),
        quantized("qat", family="log", model_w4_bytes=2048),
        quantized(family="mxint", top1_w4_fraction=0.5),
    ]
    table = tables(*made)[SIZES]
    assert table.columns == ("model, format", "4 bits", "16 bits")
    assert table.rows == (("encoder, integer", "1.5", "6.0"), ("encoder, log", "2.0", "–"))
    assert SIZES not in {plot.title for plot in page(*made).plots.values()}


# ---------------------------------------------------------------- pruning


def test_pruning_has_a_plot_for_each_model_and_target():
    values = {"top1_plain_fraction": 0.95, "top1_s10_fraction": 0.9, "top1_s50_fraction": 0.6}
    made = [
        pruned(**values),
        pruned(method="random", **values),
        pruned(scope="global", **values),
        pruned("input", **values),
        pruned("both", **values),
        pruned(model="mlp", **values),
    ]
    found = plots(*made)
    assert list(found) == ["prune-weight-encoder", "prune-input-encoder", "prune-both-encoder", "prune-weight-mlp"]
    assert list(curves(found["prune-weight-encoder"])) == ["l1, local", "random, local", "l1, global"]
    assert curves(found["prune-weight-mlp"]) == {"l1, local": ((10, 90.0), (50, 60.0))}
    table = tables(*made)["encoder, weights and inputs pruned: top-1 against sparsity"]
    assert (table.columns, table.rows) == (
        ("method", "plain", "10%", "50%"),
        (("l1, local", "95.0%", "90.0%", "60.0%"),),
    )


def test_both_orders_are_in_one_plot():
    made = [pipeline(order, top1_s10_fraction=0.9) for order in ("quantize-prune", "prune-quantize")]
    [plot] = plots(*made, pipeline(family="integer", top1_s10_fraction=0.8)).values()
    assert plot.name == "pipeline-encoder"
    assert curves(plot) == {
        "log8, quantized first": ((10, 90.0), (50, None)),
        "log8, pruned first": ((10, 90.0), (50, None)),
        "integer8, quantized first": ((10, 80.0), (50, None)),
    }


@pytest.mark.parametrize(
    ("ratios", "told"),
    [((), ""), ((0.5,), " (measured: 0.50x of the plain models)"), ((0.97, 0.31, 0.5), "0.31x to 0.97x of the plain")],
)
def test_masks_are_said_to_skip_nothing_with_the_speed_that_was_measured(ratios, told):
    scopes = [pruned(scope=f"s{ratio}", speedup_over_plain_ratio=ratio, top1_s10_fraction=0.9) for ratio in ratios]
    [sentence] = page(pruned(top1_s10_fraction=0.9), *scopes).sentences
    assert sentence.startswith(DENSE)
    assert told in sentence
    assert ("measured" in sentence) == bool(ratios)


def test_without_masks_nothing_is_said_of_them():
    assert page(quantized(top1_w4_fraction=0.5, speedup_over_plain_ratio=0.1)).sentences == ()
    assert page(pipeline(top1_s10_fraction=0.5, speedup_over_plain_ratio=0.1)).sentences == ()


def test_the_farthest_realised_sparsity_is_told():
    made = [pruned(sparsity_s10_fraction=0.1), pruned(scope="global", sparsity_s50_fraction=0.4975)]
    assert page(*made).sentences[1] == "pruned weights: no sparsity is more than 0.25 points off what was asked for"


# ---------------------------------------------------------------- searches


def test_a_search_is_looked_at_along_its_course():
    course = [0.5 + trial / 100 for trial in range(1, 11)]
    made = search(course=course, best_validation_fraction=0.6, trials_per_s=1.2345)
    [table] = page(made).tables
    assert table.title == "search, architecture: best validation top-1 so far"
    assert rows(table) == {
        "tpe": {
            "first": "51.0%",
            "after 4": "54.0%",
            "after 8": "58.0%",
            "last": "60.0%",
            "held-out top-1": "90.0%",
            "trials/s": "1.23",
        }
    }
    plot = plots(made)["search-architecture"]
    assert plot.lines[0].points[0] == (1, 51.0)
    assert [x for x, _ in plot.lines[0].points] == list(range(1, 11))


def test_what_a_search_does_not_have_is_blank():
    made = [
        search(course=(0.5, 0.6, 0.7)),
        search("architecture/grid", trials_per_s=2.0),
        search("architecture/random"),
    ]
    found = rows(*page(*made).tables)
    assert list(found["tpe"].values()) == ["50.0%", "–", "–", "70.0%", "90.0%", "–"]
    assert list(found["grid"].values()) == ["–", "–", "–", "–", "–", "2"]
    assert set(found["random"].values()) == {"–"}
    assert list(curves(plots(*made)["search-architecture"])) == ["tpe"]


def test_the_end_of_a_search_is_known_without_its_course():
    [row] = rows(*page(search(best_validation_fraction=0.75)).tables).values()
    assert row["last"] == "75.0%"
    assert not page(search(best_validation_fraction=0.75)).plots


def test_a_choice_that_is_judged_otherwise_too_has_columns_for_that():
    made = [
        search("compression/bare", (0.5,), uncompressed_top1_fraction=0.94),
        search("compression/tuned", (0.5,), uncompressed_top1_fraction=0.95, bare_top1_fraction=0.4),
    ]
    [table] = page(*made).tables
    assert table.columns[5:] == ("held-out top-1", "uncompressed", "untuned", "trials/s")
    assert [(row["uncompressed"], row["untuned"]) for row in rows(table).values()] == [
        ("94.0%", "–"),
        ("95.0%", "40.0%"),
    ]


def test_each_study_has_its_own_table_and_plot():
    made = [search(f"{study}/{name}", (0.5,)) for study in ("architecture", "precision") for name in ("a", "b/c")]
    assert list(plots(*made)) == ["search-architecture", "search-precision"]
    assert [line.label for line in plots(*made)["search-precision"].lines] == ["a", "b/c"]


# ---------------------------------------------------------------- sentences


def test_it_is_said_what_so_many_examples_can_tell_apart():
    made = [quantized(top1_w4_fraction=judged(0.5, 1797)), search(best_top1_fraction=judged(0.9, 599))]
    curve, choice = page(*made).sentences
    assert curve == (
        "each point of a curve is judged by 1,797 examples; "
        "the smallest loss between two that is beyond chance (0.25%): 9 lost and none won, 0.50 points"
    )
    assert choice.startswith("what a search chose is judged by 599 examples")
    assert choice.endswith("9 lost and none won, 1.50 points")


def test_the_smallest_loss_is_where_the_judgement_turns():
    [sentence] = page(quantized(top1_w4_fraction=judged(0.5, 100))).sentences
    lost = int(re.search(r"(\d+) lost and none won", sentence)[1])
    assert paired.chance_of_loss(paired.Flips(lost, 0, 100)) <= paired.ALPHA
    assert paired.chance_of_loss(paired.Flips(lost - 1, 0, 100)) > paired.ALPHA


def test_few_examples_are_said_to_tell_nothing_apart():
    assert page(quantized(top1_w4_fraction=judged(0.5, 8))).sentences == (
        "each point of a curve is judged by 8 examples, too few to tell any two apart",
    )


def test_different_numbers_of_examples_are_told_one_by_one():
    made = quantized(top1_w4_fraction=judged(0.5, 100), top1_w8_fraction=judged(0.5, 20))
    assert [re.search(r"by (\d+)", sentence)[1] for sentence in page(made).sentences] == ["100", "20"]


def test_what_was_not_measured_is_told_with_its_reason_once():
    made = [
        quantized(top1_w4_fraction=0.5),
        quantized(family="log", asked=[4], status="oom", reason="predicted not to fit"),
        pruned(status="oom", reason="predicted not to fit"),
        search(status="unsupported", reason="no optuna"),
        pipeline(top1_s10_fraction=0.5),
    ]
    found = page(*made)
    assert found.sentences == (
        "compression/ptq/encoder-log, compression/prune-weight/encoder-l1-local: OutOfMemory: predicted not to fit",
        "search/architecture/tpe: unsupported: no optuna",
    )
    assert [row[0] for table in found.tables for row in table.rows] == ["encoder, PTQ", "log8, quantized first"]


def test_failures_alone_are_told_without_a_table():
    found = page(quantized(status="error", reason="planted"))
    assert (found.tables, found.sentences) == ((), ("compression/ptq/encoder-integer: RuntimeError: planted",))


@pytest.mark.parametrize(
    "made",
    [
        [],
        [record(CASE, top1_w4_fraction=0.5)],
        [dataclasses.replace(quantized(top1_w4_fraction=0.5), case="inference/ptq/encoder-integer")],
        [dataclasses.replace(quantized(top1_w4_fraction=0.5), case="compression2/ptq/encoder-integer")],
        [record("compression/mask/l1-local-n17m", params={"scope": "local"}, latency_s=0.1)],
        [record("search/architecture", best_top1_fraction=0.5)],
        [record("research/architecture/tpe", best_top1_fraction=0.5)],
    ],
)
def test_a_run_of_something_else_has_no_table(made):
    assert (page(*made).tables, page(*made).sentences, page(*made).plots) == ((), (NOTHING,), {})


@pytest.mark.parametrize(
    "params",
    [{}, {"model": "encoder"}, {"model": None, "family": "integer"}, {"model": "encoder", "family": ["integer"]}],
)
def test_a_record_that_names_no_curve_is_passed_over(params):
    for status in ("ok", "error"):
        assert page(record("compression/ptq/x", status, params=params)) == page()


# ---------------------------------------------------------------- what a file can hold


@pytest.mark.parametrize("text", [NASTY, "$x$"])
def test_names_with_markup_are_drawn_and_are_no_elements(text):
    made = [
        quantized(model=text, family=text, top1_plain_fraction=0.9, top1_w4_fraction=0.5),
        pruned(model=text, method=text, scope=text, top1_s10_fraction=0.9),
        search(f"{text}/x", (0.5,)),
        quantized("qat", text, text, status="error", reason=text),
    ]
    found = page(*made)
    assert len(found.plots) == 3
    for plot in found.plots.values():
        assert "<script" not in svg(plot)
        assert text.partition("/")[0] in plot.title


@pytest.mark.parametrize("value", [-1.0, 0, 5e-324, 2.0**64, 2**64])
def test_any_number_that_a_file_can_hold_is_written_and_drawn(value):
    changed = [
        dataclasses.replace(each, metrics={name: Metric(value) for name in each.metrics}) for each in full().records
    ]
    for plot in page(*changed, search("x/y", (value, 1e308))).plots.values():
        assert svg(plot).startswith("<?xml")


# ---------------------------------------------------------------- the command


@pytest.fixture
def report(tmp_path, monkeypatch, capsys):
    """python -m tools report --view compression: its exit code, what it printed and what it complained of."""
    (tmp_path / "b").mkdir()

    def answer(made, *options, view="compression"):
        arguments = [
            "tools",
            "report",
            run_file(tmp_path, made),
            "--baselines",
            tmp_path / "b",
            "--view",
            view,
            *options,
        ]
        monkeypatch.setattr(sys, "argv", list(map(str, arguments)))
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code or 0, *capsys.readouterr()

    return answer


def images(text):
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(text)
    found = [child for token in tokens for child in token.children or () if child.type == "image"]
    assert all(part.type in ("text", "text_special") for image in found for part in image.children)
    return {urllib.parse.unquote(i.attrs["src"]): "".join(part.content for part in i.children) for i in found}


def test_tables_are_printed_with_a_hint_how_they_are_drawn(report, tmp_path):
    code, out, err = report(full())
    assert (code, err) == (0, "")
    assert all(table.title in out for table in page(*full().records).tables)
    assert out.rstrip().endswith("the curves are drawn by  --markdown FILE: an SVG for each beside FILE")
    assert not list(tmp_path.rglob("*.svg"))
    for made, view in ((run(), "compression"), (full(), "cases")):
        assert "--markdown" not in report(made, view=view)[1]


def test_markdown_has_every_plot_above_its_table(report, tmp_path):
    file = tmp_path / "new" / "my page (1).md"
    assert report(full(), "--markdown", file) == (0, "", "")
    text, found = file.read_text(), page(*full().records)
    shown = images(text)
    assert sorted(shown) == sorted(each.name for each in file.parent.glob("*.svg"))
    assert list(shown.values()) == [plot.title for plot in found.plots.values()]
    for table, plot in found.plots.items():
        place = file.with_name(f"my page (1)-{plot.name}.svg")
        assert place.read_text() == svg(plot)
        assert re.search(rf"!\[.*\]\({urllib.parse.quote(place.name)}\)\n\n\*\*{re.escape(table.title)}\*\*", text)
    assert text.count("**") == 2 * len(found.tables)
    assert "--markdown" not in text


def test_the_same_run_makes_the_same_files(report, tmp_path):
    for folder in ("one", "two"):
        report(full(), "--markdown", tmp_path / folder / "page.md")
    one, two = ({f.name: f.read_bytes() for f in (tmp_path / name).glob("*.svg")} for name in ("one", "two"))
    assert len(one) > 3
    assert one == two


@pytest.mark.parametrize("text", [text for text in HOSTILE if text != "\ud800"])  # no file holds that one
def test_a_title_from_a_file_stays_the_text_of_an_image(report, tmp_path, text):
    report(run(pruned(model=text, top1_s10_fraction=0.9)), "--markdown", tmp_path / "page.md")
    [(source, title)] = images((tmp_path / "page.md").read_text()).items()
    assert (tmp_path / source).parent == tmp_path
    assert (tmp_path / source).exists()
    assert title == printable(f"{text}, weights pruned: top-1 against sparsity")


def test_models_whose_names_become_alike_have_plots_of_their_own(report, tmp_path):
    made = run(*(pruned(model=name, top1_s10_fraction=0.9) for name in ("a b", "a-b", "../a-b")))
    report(made, "--markdown", tmp_path / "page.md")
    assert len(images((tmp_path / "page.md").read_text())) == len(list(tmp_path.glob("*.svg"))) == 3


def complaint(answer):
    code, out, err = answer
    assert (code, out, err.count("\n")) == (2, "", 1)
    return err


def test_without_matplotlib_nothing_is_written(report, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "python -m pip install matplotlib" in complaint(report(full(), "--markdown", tmp_path / "page.md"))
    assert not list(tmp_path.glob("page*"))
    assert report(full())[0] == 0
    assert report(full(), "--markdown", tmp_path / "page.md", view="cases")[0] == 0


def test_a_place_that_cannot_be_written_leaves_nothing(report, tmp_path):
    (tmp_path / "file").write_text("")
    assert "cannot be written" in complaint(report(full(), "--markdown", tmp_path / "file" / "page.md"))
    (tmp_path / "folder.md").mkdir()
    assert "cannot be written" in complaint(report(full(), "--markdown", tmp_path / "folder.md"))
    assert "cannot be written" in complaint(report(full(), "--markdown", "."))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["b", "file", "folder.md", "run.json"]


def test_a_plot_whose_place_is_taken_by_a_folder_leaves_nothing(report, tmp_path):
    (tmp_path / "page-width.svg").mkdir()
    assert "page-width.svg: cannot be written" in complaint(report(full(), "--markdown", tmp_path / "page.md"))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["b", "page-width.svg", "run.json"]


def test_the_real_command_draws(tmp_path):
    (tmp_path / "b").mkdir()
    arguments = ["report", run_file(tmp_path, full()), "--baselines", tmp_path / "b", "--view", "compression"]
    done = subprocess.run(
        [sys.executable, "-m", "tools", *map(str, arguments), "--markdown", str(tmp_path / "page.md")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "page-width.svg").read_text().startswith("<?xml")
