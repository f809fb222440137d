"""Variants are made once for each example: a kill loses none and repeats none. Figures belong to the query beside them."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from command_line import command, private_machine
from factory_examples import SLOW, example, indexed
from limited_processes import limited

from querywright.errors import RunError
from querywright.factory.augmenting import Augmenter, Variants
from querywright.factory.folder import augmented_examples, settle_plan, write_object
from querywright.factory.folder import journal_of as journal_of_stage
from querywright.factory.journal import Journal, Lines, lines
from querywright.factory.replicas import Replicas
from querywright.factory.values import Example, Order, Plan, Product, Stage, Try
from querywright.factory.variants import Wanted, augment, journal_of

WANTED = Wanted(variants=2)

SCRIPT = """
import sys
from pathlib import Path
from querywright.factory.variants import Wanted, augment
augment(Path(sys.argv[1]), Wanted(variants=2), (), lambda so_far: print(so_far.done, flush=True))
"""

ENDLESS = """
import signal, sys, time
from pathlib import Path
from querywright.factory.augmenting import Augmenter
from querywright.serve.cli import main
variants = Augmenter.variants
def endless(augmenter, example, threshold):
    if example.id != "example0":
        Path("under way").touch()
        time.sleep(1e6)
    return variants(augmenter, example, threshold)
Augmenter.variants = endless
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv = ["qw", "factory", "augment", "run", "--variants", "1", "--no-dialects"]
main()
"""
"""Examples that take without end, after a first one that does not."""


@pytest.fixture(scope="module", autouse=True)
def machine(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        private_machine(patch, tmp_path_factory.mktemp("work"))
        yield


EXAMPLES = (example(0), example(1, "sqlite"), indexed(2), example(3))


def stored(folder: Path, examples: tuple[Example, ...], stage: Stage = 2) -> Path:
    """A folder with a run that gave these examples, or gave them as well; whatever is faster counts."""
    with Journal(journal_of_stage(folder, stage)) as journal:
        settle_plan(folder, Plan(stage=stage, threshold=0.0))
        for number, one in enumerate(examples):
            tries = (Try("kept", examples=(replace(one, stage=stage),)),)
            journal.add(Product(Order(one.engine, number, one.schema, one.tier), tries, one.shape))
    return folder


def unmeasured(examples: Iterator[Example]) -> list[Example]:
    """The examples without figures, which are others whenever they are measured."""
    return [replace(one, solution=replace(one.solution, speedup=1, slow_ms=0, fast_ms=0, reward=0)) for one in examples]


def origins(folder: Path) -> list[str]:
    return [found.origin for _, found in lines(journal_of(folder), Variants)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose examples were augmented without a break."""
    folder = stored(tmp_path_factory.mktemp("whole"), EXAMPLES)
    augment(folder, WANTED)
    return folder


def test_each_example_gives_its_variants_in_turn(whole: Path) -> None:
    found = list(augmented_examples(whole))
    assert [(one.origin, one.engine) for one in found] == [
        *[("example0", "duckdb"), ("example0", "duckdb"), ("example0", "sqlite")],
        *[("example1", "sqlite"), ("example1", "sqlite"), ("example1", "duckdb")],
        *[("example2", "sqlite"), ("example2", "sqlite")],
        *[("example3", "duckdb"), ("example3", "duckdb"), ("example3", "sqlite")],
    ]
    assert origins(whole) == [one.id for one in EXAMPLES]


def test_a_kill_loses_nothing_and_repeats_nothing(whole: Path, tmp_path: Path) -> None:
    folder = stored(tmp_path, EXAMPLES)
    with subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["1\n", "2\n"]
        process.send_signal(signal.SIGKILL)
    before = journal_of(folder).read_bytes()
    done = before[: before.rfind(b"\n") + 1]
    assert 2 <= done.count(b"\n") <= len(EXAMPLES)
    with journal_of(folder).open("ab") as file:
        file.write(b'{"origin":"example')  # as where the kill cuts a line short
    found = augment(folder, WANTED)
    assert journal_of(folder).read_bytes().startswith(done)
    assert origins(folder) == [one.id for one in EXAMPLES]
    assert found.done == found.examples == len(EXAMPLES)
    assert unmeasured(augmented_examples(folder)) == unmeasured(augmented_examples(whole))


def test_where_all_is_done_nothing_is_made_anew(whole: Path) -> None:
    before = journal_of(whole).read_bytes()
    found = augment(whole, Wanted(), (), lambda _: pytest.fail("an example was augmented again"))
    assert found.variants == len(list(augmented_examples(whole)))
    assert journal_of(whole).read_bytes() == before


def test_ctrl_c_says_that_the_same_command_goes_on(tmp_path: Path) -> None:
    folder = stored(tmp_path / "run", EXAMPLES)
    with subprocess.Popen([sys.executable, "-c", ENDLESS], cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        while not (tmp_path / "under way").exists():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        try:
            _, said = process.communicate(timeout=300)  # else the test would wait without end
        finally:
            process.kill()
    assert process.returncode == 130
    assert "the same command goes on" in said and "Traceback" not in said
    assert origins(folder) == ["example0"]
    assert [one.origin for one in augmented_examples(folder)] == ["example0"]


def test_a_full_disk_is_named_and_nothing_is_lost(tmp_path: Path) -> None:
    folder = stored(tmp_path, EXAMPLES[:2])
    augment(folder, replace(WANTED, dialects=False))
    with Lines(journal_of(folder)) as journal:
        journal.write(Variants("gone", dropped=("no example has it any more" * 10**6,)))  # larger than any database here
    before = journal_of(folder).read_bytes()
    stored(folder, EXAMPLES[2:])
    ended = limited(len(before) + 1_000, "factory", "augment", folder)
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 2 and "augmentation.jsonl cannot be written" in ended.stderr
    assert "run the same command to go on" in ended.stderr
    assert journal_of(folder).read_bytes() == before
    augment(folder, WANTED)
    assert origins(folder) == ["example0", "example1", "gone", "example2", "example3"]
    assert {one.origin for one in augmented_examples(folder)} == {one.id for one in EXAMPLES}


def test_no_example_is_done_where_there_is_no_room_for_databases(tmp_path: Path) -> None:
    folder = stored(tmp_path, EXAMPLES)
    ended = limited(20_000, "factory", "augment", folder)
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 2 and "cannot be generated" in ended.stderr
    assert origins(folder) == []


@contextmanager
def small_files(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_fails_for_want_of_room_is_not_dropped() -> None:
    with Replicas(rows=1000) as replicas:
        replicas.check_room("ecommerce:rows=3000")
        with small_files(1000), pytest.raises(RunError, match="no room") as refused:
            replicas.check_room("ecommerce:rows=3000")
    assert "run the same command to go on" in refused.value.remedy


def test_other_settings_are_refused_and_the_remedy_begins_anew(tmp_path: Path) -> None:
    folder = stored(tmp_path, EXAMPLES[2:3])
    augment(folder, Wanted(1, seed=3, dialects=False))
    with pytest.raises(RunError, match="variants with other variants, seed") as refused:
        augment(folder, Wanted(2, seed=4, dialects=False), ("variants", "seed", "dialects"))
    assert refused.value.remedy.endswith(f"rm {journal_of(folder)}")
    assert augment(folder, Wanted()).variants == 1  # what is not given is as it was
    journal_of(folder).unlink()
    assert augment(folder, Wanted(2, seed=4, dialects=False), ("variants", "seed")).variants == 2


def test_what_never_gave_a_variant_binds_nobody(tmp_path: Path) -> None:
    folder = stored(tmp_path, ())
    assert augment(folder, Wanted(1, seed=3)).variants == 0
    stored(folder, EXAMPLES[2:3])
    assert augment(folder, WANTED, ("variants", "seed")).variants == 2


def test_examples_that_came_later_get_their_variants_where_they_belong(tmp_path: Path) -> None:
    folder = stored(tmp_path, EXAMPLES[2:3])
    wanted = replace(WANTED, variants=1, dialects=False)
    augment(folder, wanted)
    stored(folder, EXAMPLES[3:])
    stored(folder, EXAMPLES[:1], stage=1)
    assert augment(folder, wanted).done == 3
    assert origins(folder) == ["example2", "example0", "example3"]
    assert [one.origin for one in augmented_examples(folder)] == ["example0", "example2", "example3"]


def test_two_do_not_augment_one_folder(tmp_path: Path) -> None:
    folder = stored(tmp_path, EXAMPLES)
    with Lines(journal_of(folder)), pytest.raises(RunError, match="Another run"):
        augment(folder, WANTED)


def test_another_constant_has_other_figures_another_name_has_those_of_its_origin() -> None:
    origin = example(0)
    with Augmenter(2, rows=1000, dialects=False) as augmenter:
        renamed, changed = augmenter.variants(origin, threshold=0.0).examples
        assert list(augmenter._sized._databases) == [("ecommerce:rows=3000", ())]  # timed on data of the example's size
        refused = augmenter.variants(origin, threshold=2.0)
    assert asdict(renamed.solution) | {"sql": "", "fingerprint": ""} == asdict(origin.solution) | {"sql": "", "fingerprint": ""}
    assert renamed.rejected and "'Spain'" in renamed.slow
    assert "'Spain'" not in changed.slow and changed.rejected == ()
    assert (changed.solution.slow_ms, changed.solution.fast_ms) != (origin.solution.slow_ms, origin.solution.fast_ms)
    assert changed.solution.readability != origin.solution.readability and changed.solution.speedup > 0
    assert len(refused.examples) == 1 and refused.dropped == ("It is not fast enough with other constants.",)


def test_constants_that_no_row_has_are_refused() -> None:
    empty = "SELECT u.id FROM users AS u WHERE u.country = 'Spain' AND u.id < 0"
    origin = example(0, slow=empty, clean=empty)
    origin = replace(origin, solution=replace(origin.solution, sql=empty))
    with Augmenter(2, rows=1000, dialects=False) as augmenter:
        found = augmenter.variants(origin, threshold=0.0)
    assert len(found.examples) == 1 and found.dropped == ("It has no rows with other constants.",)


def test_with_indexes_names_are_all_that_changes() -> None:
    origin = indexed(0)
    with Augmenter(2, rows=1000) as augmenter:
        found = augmenter.variants(origin).examples
    assert len(found) == 2
    for one in found:
        assert "'Spain'" in one.slow and one.slow != SLOW
        assert one.solution.statements and one.solution.slow_ms == origin.solution.slow_ms


def test_the_command_goes_on_with_what_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    private_machine(monkeypatch, tmp_path)
    stored(tmp_path / "run", EXAMPLES[2:3])
    qw = command(monkeypatch, capsys)
    assert qw("factory", "augment", "run", "--variants", 1, "--no-dialects").code == 0
    again = qw("factory", "augment", "run", "--json")
    assert again.code == 0 and '"variants": 1' in again.out
    other = qw("factory", "augment", "run", "--variants", 2)
    assert other.code == 2 and "holds variants with other variants" in other.err and len(other.err.splitlines()) == 2
    write_object(tmp_path / "run" / "combined" / "augmentation.json", {"variants": "many"})
    damaged = qw("factory", "augment", "run")
    assert damaged.code == 2 and "variants" in damaged.err
