"""ci/wheels.py: what a machine lacks, and what that needs in turn; with a pip that has a few wheels."""

import importlib.util
import zipfile

import pytest
from packaging.requirements import Requirement

from tools.tests.scripts import ROOT

# name -> what its wheel needs
SERVED = {
    "optuna": [
        "sqlalchemy>=2",
        "numpy",
        "colorlog; python_version < '3.0'",
        "tqdm; extra == 'all'",
        "not a requirement ~",
    ],
    "sqlalchemy": ["typing-extensions>=4.6"],
}


@pytest.fixture
def wheels(monkeypatch):
    spec = importlib.util.spec_from_file_location("wheels", ROOT / "ci" / "wheels.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    asked = []

    def fetch(requirement, version, folder):
        asked.append(requirement.name)
        if requirement.name not in SERVED:
            raise module.Unfetched(f"pip could not fetch {requirement.name}: planted")
        file = folder / f"{requirement.name}-1.0-py3-none-any.whl"
        lines = "".join(f"Requires-Dist: {each}\n" for each in SERVED[requirement.name])
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(f"{requirement.name}-1.0.dist-info/METADATA", f"Name: {requirement.name}\n{lines}\n")
        return file

    monkeypatch.setattr(module, "fetch", fetch)
    monkeypatch.setattr(module, "wanted", lambda: [Requirement("numpy>=2"), Requirement("optuna>=4")])
    module.asked = asked
    return module


def test_what_lacks_is_fetched_with_what_it_needs_there(wheels, tmp_path):
    found, misfits = wheels.gather({"numpy": "2.5", "typing-extensions": "4.16"}, "3.12", tmp_path)
    assert [file.name.partition("-")[0] for file in found] == ["optuna", "sqlalchemy"]
    assert misfits == []


def test_what_is_there_in_another_version_is_named_and_left(wheels, tmp_path):
    _, misfits = wheels.gather({"numpy": "1.26", "typing-extensions": "4.5"}, "3.12", tmp_path)
    assert misfits == ["numpy: found 1.26, expected >=2", "typing-extensions: found 4.5, expected >=4.6"]
    assert wheels.asked == ["optuna", "sqlalchemy"]


def test_what_cannot_be_fetched_ends_it(wheels, tmp_path):
    with pytest.raises(wheels.Unfetched, match="typing-extensions: planted"):
        wheels.gather({"numpy": "2.5"}, "3.12", tmp_path)


def test_what_is_installed_is_read_with_and_without_versions(wheels, tmp_path):
    (tmp_path / "have.txt").write_text("torch==2.11.0+cu130\nNumPy\nzope.interface==7.1\n# a comment\n-e git+x\n")
    assert wheels.installed(tmp_path / "have.txt") == {"torch": "2.11.0", "numpy": "", "zope-interface": "7.1"}


@pytest.mark.parametrize(
    "arguments", [[], ["nowhere.txt"], ["have.txt", "3"], ["have.txt", "python3.12"], ["a", "b", "c"]]
)
def test_bad_arguments_are_one_line(wheels, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "have.txt").touch()
    assert "expected bash ci/wheels.sh HAVE [VERSION]" in wheels.main(arguments)
