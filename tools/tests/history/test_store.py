import json

import numpy as np
import pytest

from tools.files import UnusableFile
from tools.history import store as stores
from tools.history.places import Place, place_of
from tools.history.rows import rows_of
from tools.history.store import Seen, add, columns_at, read_catalog
from tools.tests.samples import record, run


def made(value, cases=3):
    return rows_of(
        run(*(record(f"made/c{case}", latency_s=value + case, graph_count=case) for case in range(cases))), "r"
    )


def filled(place, values):
    catalog = read_catalog(place)
    for value in values:
        catalog = add(place, catalog, [(made(value), f"{value}.json")], {f"{value}.json": Seen("1", "")})
    return catalog


def content(place, catalog):
    """Every row of the store, in words, in an order of its own."""
    columns = columns_at(place, catalog.parts)
    words = [[catalog.words[number] for number in columns[name].tolist()] for name in ("case", "metric", "status")]
    return sorted(zip(columns["run"].tolist(), *words, columns["value"].tolist(), strict=True))


@pytest.fixture
def place(tmp_path):
    return place_of(str(tmp_path / "store"))


def test_what_is_added_is_there_again(place):
    catalog = filled(place, [10.0, 20.0])
    assert read_catalog(place) == catalog
    assert [each.file for each in catalog.runs] == ["10.0.json", "20.0.json"]
    assert content(place, catalog)[:2] == [
        (0, "made/c0", "graph_count", "ok", 0.0),
        (0, "made/c0", "latency_s", "ok", 10.0),
    ]
    assert len(content(place, catalog)) == 2 * 3 * 2


def test_merged_parts_hold_what_the_small_ones_held(tmp_path, place, monkeypatch):
    apart = filled(place, map(float, range(20, 40)))
    monkeypatch.setattr(stores, "SMALL_PARTS", 100)
    many = place_of(str(tmp_path / "many"))
    unmerged = filled(many, map(float, range(20, 40)))
    assert len(apart.parts) <= 9 < len(unmerged.parts) == 20
    assert content(place, apart) == content(many, unmerged)


def test_a_full_part_is_never_written_again(place, monkeypatch):
    monkeypatch.setattr(stores, "FULL_ROWS", 12)
    monkeypatch.setattr(stores, "SMALL_PARTS", 1)
    catalog = filled(place, map(float, range(2)))
    full = catalog.parts
    catalog = filled(place, map(float, range(2, 7)))
    assert [part.rows for part in full] == [12]
    assert full[0] in catalog.parts
    assert [part.rows for part in catalog.parts] == [12, 12, 12, 6]


def test_a_question_reads_its_rows_only(place, monkeypatch):
    monkeypatch.setattr(stores, "ROW_GROUP", 1)
    catalog = filled(place, [10.0, 20.0])
    case, metric = (catalog.words.index(word) for word in ("made/c1", "latency_s"))
    found = columns_at(place, catalog.parts, ("run", "value"), metrics=[metric], cases=[case])
    assert sorted(zip(found["run"].tolist(), found["value"].tolist(), strict=True)) == [(0, 11.0), (1, 21.0)]
    assert columns_at(place, catalog.parts, ("value",), metrics=[case])["value"].tolist() == []


def test_the_rows_of_a_question_lie_together(place):
    """Else every row group holds some of them, and each question reads all."""
    add(place, read_catalog(place), [(made(value), f"{value}.json") for value in (10.0, 20.0)], {})
    columns = columns_at(place, read_catalog(place).parts)
    order = list(zip(*(columns[name].tolist() for name in ("metric", "case", "run")), strict=True))
    assert order == sorted(order)
    assert len({run for _, _, run in order}) == 2


class Killed(BaseException):
    """As a process ends that nobody can stop."""


@pytest.mark.parametrize("merges", [False, True], ids=["adds", "merges"])
def test_a_killed_writer_leaves_the_store_as_it_was(place, monkeypatch, merges):
    monkeypatch.setattr(stores, "SMALL_PARTS", 1 if merges else 8)
    before = filled(place, [10.0])
    was, write, writes = content(place, before), Place.write, []

    def killed_at(last):
        def spy(self, content):
            if len(writes) == last:
                raise Killed
            writes.append(self.root)
            write(self, content)

        return spy

    for last in range(4 + merges):  # the new part, the merged one, words, runs, files; then the index
        writes.clear()
        monkeypatch.setattr(Place, "write", killed_at(last))
        with pytest.raises(Killed):
            add(place, before, [(made(20.0), "20.0.json")], {})
        assert read_catalog(place) == before
        assert content(place, before) == was
    monkeypatch.setattr(Place, "write", write)
    after = filled(place, [30.0])
    assert {run for run, *_ in content(place, after)} == {0, 1}


def test_what_nobody_needs_is_removed_but_not_under_a_reader(place):
    first = filled(place, [1.0])
    (place / "points-99a.parquet").write(b"left by a killed writer")
    second = filled(place, [2.0])
    assert content(place, first)
    assert "points-99a.parquet" not in place.names()
    filled(place, [3.0])
    assert not [name for name in place.names() if name.startswith("words-1.")]
    assert [name for name in place.names() if name.startswith(f"words-{second.number}.")]


def cut(file):
    file.write_bytes(file.read_bytes()[:40])


def flipped(where):
    """A bit of the byte that is so far (a share) into the file."""

    def damage(file):
        content = bytearray(file.read_bytes())
        content[int(where * len(content))] ^= 1
        file.write_bytes(content)

    return damage


def edited(change):
    """Valid JSON as before."""

    def damage(file):
        document = json.loads(file.read_text())
        change(document)
        file.write_text(json.dumps(document))

    return damage


@pytest.mark.parametrize(
    ("pattern", "damage"),
    [
        ("store.json", lambda file: file.write_text("{")),
        ("store.json", lambda file: file.write_text("[]")),
        ("store.json", lambda file: file.write_text('{"schema_version": 2}')),
        ("words-*", cut),
        ("runs-*", lambda file: file.unlink()),
        ("points-*", cut),
        ("points-*", flipped(0.1)),
        ("points-*", flipped(0.25)),
        ("points-*", lambda file: file.write_bytes(b"")),
        ("points-*", lambda file: (file.unlink(), file.mkdir())),
        ("words-*", flipped(0.1)),
        ("words-*", lambda file: file.write_bytes(stores.parquet(stores.arrow().table({"word": ["x"] * 50})))),
        ("store.json", edited(lambda index: index["parts"].clear())),
        ("store.json", edited(lambda index: index["parts"][0].update(first_run=7))),
        ("store.json", edited(lambda index: index["tables"].update(words=index["tables"]["runs"]))),
        ("store.json", edited(lambda index: index["digests"].update(words="0" * 16))),
        ("store.json", lambda file: file.write_text("[" * 100_000)),
    ],
)
def test_a_damaged_store_is_named_with_its_remedy(tmp_path, place, pattern, damage):
    catalog = filled(place, [1.0])
    [file] = (tmp_path / "store").glob(pattern)
    damage(file)
    with pytest.raises(UnusableFile, match="delete the folder, it is made anew from the runs"):
        columns_at(place, read_catalog(place).parts or catalog.parts)


def test_a_store_of_before_there_were_digests_is_read(tmp_path, place):
    catalog = filled(place, [1.0])
    edited(lambda index: (index.pop("digest"), index.pop("digests")))(tmp_path / "store" / "store.json")
    assert read_catalog(place) == catalog


def test_a_part_that_is_gone_is_for_the_reader_to_try_again(tmp_path, place):
    catalog = filled(place, [1.0])
    for file in (tmp_path / "store").glob("points-*"):
        file.unlink()
    with pytest.raises(FileNotFoundError):
        columns_at(place, catalog.parts)


def test_columns_are_as_wide_as_they_are_declared(place):
    columns = columns_at(place, filled(place, [1.0]).parts)
    assert {name: values.dtype for name, values in columns.items()} == {
        name: np.dtype(kind) for name, kind in stores.STORED.items()
    }
