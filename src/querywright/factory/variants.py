"""The variants of a folder's examples, made once for each: where this is broken off, it goes on with the next example.

combined/augmentation.json              what was asked for
combined/augmentation.jsonl             what each example gave; the array of variants is derived from it
combined/training_data_augmented.json   the variants, in the order of the examples
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from querywright.errors import RunError
from querywright.factory.augmenting import Augmenter, Variants
from querywright.factory.folder import AUGMENTED, all_examples, stored_plans, write_array, write_object
from querywright.factory.journal import Lines, lines
from querywright.factory.values import Example
from querywright.runs.files import read_json
from querywright.runs.serialize import from_json

_SYNCED_EVERY = 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: renamings of each example, the seed of the constants, and whether the other dialect is wanted."""

    variants: int = 4
    seed: int = 0
    dialects: bool = True


@dataclass
class Augmented:
    """How far it is: so many of all examples are ``done`` and have so many ``variants``; ``dropped`` are others, by reason."""

    examples: int
    done: int = 0
    variants: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    def add(self, found: Variants) -> None:
        """Count what an example gave."""
        self.done += 1
        self.variants += len(found.examples)
        self.dropped.update(found.dropped)


def journal_of(folder: Path) -> Path:
    """Where stands what each example gave."""
    return folder / "combined" / "augmentation.jsonl"


def augment(
    folder: Path, wanted: Wanted, given: Collection[str] = (), watch: Callable[[Augmented], None] | None = None
) -> Augmented:
    """Make the variants of all examples that have none yet, and write down those of all.

    What was not ``given`` is as those that are there were asked for. Raises `RunError` where they were asked for otherwise, the
    folder holds no run or cannot be written, and `DatabaseError` where a database cannot be opened or made. Whatever ends it,
    what is done stays; a later call goes on from there.
    """
    thresholds = {plan.stage: plan.threshold for plan in stored_plans(folder)}
    with Lines(journal_of(folder)) as journal:
        wanted = _settled(folder, wanted, given)
        identities = {example.id for example in all_examples(folder)}
        so_far, places = Augmented(len(identities)), dict[str, int]()
        for place, found in lines(journal.path, Variants):
            places[found.origin] = place
            if found.origin in identities:
                so_far.add(found)
        try:
            with Augmenter(wanted.variants, wanted.seed, dialects=wanted.dialects) as augmenter:
                for example in all_examples(folder):
                    if example.id in places:
                        continue
                    found = augmenter.variants(example, thresholds[example.stage])
                    places[example.id] = journal.write(found)
                    so_far.add(found)
                    if len(places) % _SYNCED_EVERY == 0:
                        journal.sync()
                    if watch is not None:
                        watch(so_far)
        except BaseException as error:
            try:
                _conclude(folder, journal, places)
            except RunError as further:  # the first error says what to do
                error.add_note(further.message)
            raise
        _conclude(folder, journal, places)
    return so_far


def _settled(folder: Path, wanted: Wanted, given: Collection[str]) -> Wanted:
    """What is asked for, written down; or what the variants that are there were asked for, where nothing else is given."""
    path, journal = folder / "combined" / "augmentation.json", journal_of(folder)
    if not path.is_file() or next(lines(journal, Variants), None) is None:
        write_object(path, asdict(wanted))
        return wanted
    stored = from_json(Wanted, json.dumps(read_json(path)))
    different = [name for name in given if getattr(stored, name) != getattr(wanted, name)]
    if different:
        raise RunError(
            f"{folder} holds variants with other {', '.join(different)}.",
            f"Ask for the same, or begin anew without them: rm {journal}",
        )
    return stored


def _conclude(folder: Path, journal: Lines, places: Mapping[str, int]) -> None:
    journal.sync()
    write_array(folder / "combined" / AUGMENTED, _in_order(folder, journal.path, places))


def _in_order(folder: Path, journal: Path, places: Mapping[str, int]) -> Iterator[Example]:
    """The variants in the order of their examples, read one after the other from where they stand in the journal."""
    with journal.open("rb") as file:
        for example in all_examples(folder):
            if example.id in places:
                file.seek(places[example.id])
                yield from from_json(Variants, file.readline()).examples
