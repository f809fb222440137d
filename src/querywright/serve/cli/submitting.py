"""``qw submit``: an answer from a chat window, judged like any other."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from querywright.chat.protocol import Reply
from querywright.errors import InputError
from querywright.judge import Case, Rules, environment, judge, open_case
from querywright.propose.model import Answer, answer, printer
from querywright.runs.directory import RunDirectory
from querywright.runs.files import read_text
from querywright.runs.iteration import PROMPT
from querywright.runs.serialize import to_json
from querywright.search.concluding import conclude
from querywright.serve.cli.inputs import read_text as read_file
from querywright.serve.cli.optimizing import EXIT
from querywright.serve.cli.prompting import Turn, best_attempt, opened, turn_of
from querywright.serve.wording import evidence, speed, stack
from querywright.settings import settings
from querywright.values import Attempt, Outcome


def run(path: Path, answer_file: str, db: str | None, model: str, timeout: float, seed: int, as_json: bool) -> int:
    """Judge the rewrites of an answer and print what came of them; returns the exit code."""
    console = Console(stderr=as_json, highlight=False, soft_wrap=True)
    directory = RunDirectory.open(path if path.exists() else settings().runs / path)
    content = read_file(answer_file)
    if not content.strip():
        raise InputError(f"{answer_file} is empty.", "Save the whole answer of the chat window into it.")
    prepared = opened(directory, db, console)
    turn = turn_of(directory, prepared, True, timeout)
    if not (directory.iteration(turn.number).path / PROMPT).is_file():
        raise InputError(f"{path} waits for no answer.", f"Print the next prompt: qw prompt {path}")
    reply = Reply(content, model, "stop", None, None, None, 0.0)
    found = answer(turn.request, reply, turn.steps, printer(prepared.query, prepared.tree, prepared.database.schema))
    if found.proposals:
        with open_case(prepared.query, prepared.database, rules=Rules(statement_limit_s=timeout, seed=seed)) as case:
            attempts = _judged(case, found, console)
            _store(directory, turn, attempts, found, reply)
            outcome = conclude(case, [*turn.request.attempts, *attempts])
            outcome = replace(outcome, environment=environment(case), run_id=directory.run_id)
    else:
        _store(directory, turn, [], found, reply)
        reason = "The answer holds nothing that could be judged."
        nothing = Outcome(prepared.query, "none", None, turn.request.attempts, run_id=directory.run_id, reason=reason)
        outcome = directory.outcome() or nothing
    directory.finish(outcome)
    if as_json:
        print(to_json(outcome))
    else:
        _show(console, directory, found, outcome)
    return EXIT[outcome.status] if found.proposals else EXIT["none"]


def _judged(case: Case, found: Answer, console: Console) -> list[Attempt]:
    attempts = []
    for proposal in found.proposals:
        # What is judged is a rewrite of the original, whatever the prompt showed.
        candidate = replace(proposal.candidate, parent=case.query.fingerprint)
        attempt = judge(case, candidate)
        attempts.append(attempt)
        told = attempt.failure or evidence(attempt.verdict)
        console.print(f"{stack(attempt)}: {speed(attempt.timing) if attempt.timing else told}", markup=False)
    return attempts


def _store(directory: RunDirectory, turn: Turn, attempts: list[Attempt], found: Answer, reply: Reply) -> None:
    iteration = directory.iteration(turn.number)
    for attempt in attempts:
        iteration.record(attempt)
    faults = [asdict(fault) for fault in found.faults]
    response: dict[str, Any] = asdict(reply) | {"problem": found.problem, "faults": faults}
    iteration.record_model(read_text(iteration.path / PROMPT), response)
    iteration.finish(best_attempt(tuple(attempts)) or (attempts[-1] if attempts else None))


def _show(console: Console, directory: RunDirectory, found: Answer, outcome: Outcome) -> None:
    for fault in found.faults:
        console.print(f"Not judged ({fault.kind}): {fault.reason}", markup=False)
    if outcome.best is not None:
        console.print(f"\nThe best so far: {stack(outcome.best)}, {speed(outcome.best.timing)}", markup=False)
        console.print(f"  Evidence: {evidence(outcome.best.verdict)}", markup=False)
    if outcome.status == "faster":
        console.print(f"  Saved to: {directory.path / 'winner' / 'optimized.sql'}", markup=False)
    else:
        console.print(outcome.reason, markup=False)
    console.print(f"\nNext prompt, which tells the model what came of it: qw prompt {directory.path}", markup=False)
