"""Live progress and results on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from querywright.databases.premises import premise_query
from querywright.runs.generation import validation
from querywright.search.protocol import Answered, EmbeddingLost, Event, IterationEnded, IterationStarted, Judged, ModelLost
from querywright.serve.wording import evidence, milliseconds, speed, stack
from querywright.values import Attempt, Outcome, Query, Timing


class Progress:
    """Prints what a search is doing, one tree an iteration. Everything goes to ``console``, which may be quiet."""

    def __init__(self, console: Console, noun: str = "iteration") -> None:
        self.console = console
        self.noun = noun
        self.summaries: dict[int, str] = {}
        self._shown: IterationStarted | None = None
        self._heading = 0
        self._remedies: set[str] = set()

    def begin(self, query: Query, mode: str, lines: list[str]) -> None:
        """The header: what is optimized, on what, how far."""
        self.console.print(f"Optimizing [bold]{escape(query.name or 'query')}[/] (mode: {mode})")
        for line in lines:
            self.console.print(escape(line))

    def workload(self, message: str, fraction: float | None) -> None:
        """Progress of generating a workload or a sample."""
        done = "" if fraction is None else f" {fraction:.0%}"
        self.console.print(f"[dim]{escape(message)}{done}[/]")

    def listen(self, event: Event) -> None:
        """Print one event of the search."""
        if isinstance(event, IterationStarted):
            self._started(event)
        elif isinstance(event, Answered):
            self._answered(event)
        elif isinstance(event, Judged):
            self._below(event.iteration)
            self._judged(event.attempt)
        elif isinstance(event, IterationEnded):
            self._ended(event)
        else:
            self._lost(event)

    def _lost(self, event: ModelLost | EmbeddingLost) -> None:
        what = "The model is left out" if isinstance(event, ModelLost) else "Examples are compared by their words"
        self.console.print(f"  [yellow]{what}:[/] {escape(event.reason)}")

    def _below(self, number: int, note: str = "") -> None:
        """The heading of a step, where the lines above are of another one: workers are answered and end in any order."""
        if self._shown is not None and self._heading != number:
            self._heading = number
            title = f"[{self.noun.capitalize()} {number}/{self._shown.total}]{note}"
            self.console.print(f"\n[bold]{escape(title)}[/]")

    def _remedy(self, event: Answered, indent: str = "  │    ") -> None:
        if event.remedy and event.remedy not in self._remedies:
            self._remedies.add(event.remedy)
            self.console.print(f"{indent}{escape(event.remedy)}")

    def _answered(self, event: Answered) -> None:
        self._below(event.question.number)
        seconds = event.response.get("seconds")
        took = f" ({seconds:.1f} s)" if seconds is not None else ""
        result = f"[red]✗[/] {escape(event.problem)}" if event.problem else "[green]✓[/]"
        self.console.print(f"  ├─ Asked the model{took}: {result}")
        self._remedy(event)

    def _started(self, event: IterationStarted) -> None:
        best = event.positions[0]
        source = "original SQL" if best.attempt is None else f"best so far ({best.ratio:.2f}x: {stack(best.attempt)})"
        hints = event.analysis.hints
        analyzed = self._shown is not None and self._shown.analysis is event.analysis
        self._shown, self._heading = event, 0
        self._below(event.number, " retry" if event.retry else "")
        self.console.print(f"  ├─ Input: {escape(source)}")
        if event.examples:
            self.console.print(f"  ├─ Examples: {', '.join(event.examples)}")
        if len(event.positions) > 1:
            self.console.print(f"  ├─ Also expanding {len(event.positions) - 1} runner(s)-up")
        if analyzed:
            return
        self.console.print(f"  ├─ Hints: {len(hints)} transform(s) apply")
        for hint in hints[:3]:
            self.console.print(f"  │    {escape(hint.transform)} ({hint.confidence:.2f}) {escape(hint.path)}")

    def _judged(self, attempt: Attempt) -> None:
        name = escape(stack(attempt))
        if attempt.timing is not None:
            mark = "[green]✓[/]" if attempt.timing.ratio > 1.0 else "[dim]·[/]"
            self.console.print(f"  ├─ {mark} {name}: {speed(attempt.timing)}")
        elif attempt.verdict.grade == "refuted":
            self.console.print(f"  ├─ [red]✗[/] {name}: different{_because(attempt)}")
        else:
            self.console.print(f"  ├─ [yellow]–[/] {name}: {attempt.failure or evidence(attempt.verdict)}", markup=True)

    def _ended(self, event: IterationEnded) -> None:
        best = event.best
        self._below(event.number)
        if best is None or best.timing is None:
            self.console.print(f"  └─ Nothing verified and faster in this {self.noun}")
            self.summaries[event.number] = "nothing"
            return
        self._runs(best.timing)
        state = "target met" if event.target_met else "improvement" if event.improved else "no improvement"
        self.console.print(f"  └─ Speedup: [bold]{best.timing.ratio:.2f}x[/] ({state})")
        how = stack(best) + (", target met" if event.target_met else "")
        self.summaries[event.number] = f"{best.timing.ratio:.2f}x ({how})"

    def _runs(self, timing: Timing) -> None:
        self.console.print(f"  ├─ Benchmark of the best ({len(timing.candidate)} runs in turns with the original)")
        for number, run in enumerate(timing.candidate, start=1):
            self.console.print(f"  │    Run {number}: {milliseconds(run.wall_ns / 1e6)}")
        self.console.print(
            f"  │    Trimmed mean: {milliseconds(timing.candidate_ms)} (original: {milliseconds(timing.original_ms)})"
        )


class SwarmProgress(Progress):
    """Prints one line a generation, as each completes, then one for each that the full data judges."""

    def __init__(self, console: Console) -> None:
        super().__init__(console, "generation")
        self._sampled: set[int] = set()

    def listen(self, event: Event) -> None:
        """Print a generation's judgement."""
        if isinstance(event, ModelLost | EmbeddingLost):
            self._lost(event)
        if isinstance(event, Answered) and event.problem:
            self.console.print(f"  [red]✗[/] Gen {event.question.number:02d}: no candidate: {escape(event.problem)}")
            self._remedy(event, indent="    ")
        if not isinstance(event, Judged):
            return
        where = "full data" if event.iteration in self._sampled else "sample only"
        self._sampled.add(event.iteration)
        told = validation(event.iteration, event.attempt, sample_only=where == "sample only")
        mark = "[green]✓[/]" if told["status"] == "pass" else "[red]✗[/]"
        why = f": {escape(told['error'])}" if told["error"] else f", {escape(stack(event.attempt))}"
        self.console.print(f"  {mark} Gen {event.iteration:02d}: {told['status']}, {told['speedup']:.2f}x ({where}){why}")


def _because(attempt: Attempt) -> str:
    return f" ({escape(attempt.verdict.reason)})" if attempt.verdict.reason else ""


def show_outcome(console: Console, outcome: Outcome, progress: Progress, saved: str = "") -> None:
    """The summary at the end: status, speed, evidence, where it was saved."""
    console.print()
    best = outcome.best
    if outcome.status == "faster" and best is not None:
        console.print(f"[bold green]Faster:[/] {speed(best.timing)}")
        if best.timing is not None:
            console.print(f"  {milliseconds(best.timing.original_ms)} → {milliseconds(best.timing.candidate_ms)}")
        console.print(f"  Transforms: {escape(stack(best))}")
        console.print(f"  Evidence: {escape(evidence(best.verdict))}")
    elif outcome.status == "unconfirmed" and best is not None:
        console.print(f"[bold yellow]Unconfirmed:[/] {escape(stack(best))}: {speed(best.timing)}")
        console.print(f"  Evidence: {escape(evidence(best.verdict))}")
        console.print(f"  {escape(outcome.reason)}")
    elif outcome.status == "refused":
        console.print(f"[bold red]Refused:[/] {escape(outcome.reason)}")
    else:
        console.print("[bold]Nothing faster was found;[/] the original stands.")
        if outcome.reason:
            console.print(f"  {escape(outcome.reason)}")
    for attempt in outcome.conditional[:3]:
        console.print(f"[yellow]Equal as long as[/] its premises hold: {escape(stack(attempt))}, {speed(attempt.timing)}")
        console.print(f"  {escape(evidence(attempt.verdict))}")
        for needed in attempt.verdict.conditions:
            console.print(f"  Holds while this returns no rows: {escape(premise_query(needed, outcome.original.dialect))}")
        console.print("  Recommend it with --assume checked-keys.")
    if progress.summaries:
        console.print("\nIterations summary:" if progress.noun == "iteration" else "\nSummary:")
        for number, told in sorted(progress.summaries.items()):
            console.print(f"  {number}. {progress.noun.capitalize()} {number}: {escape(told)}")
    if saved:
        console.print(f"\nSaved to: {escape(saved)}")


def show_difference(console: Console, before: str, after: str) -> None:
    """A colored line diff of two SQL texts."""
    from querywright.sql.difference import unified

    for line in unified(before, after):
        color, sign = {"added": ("green", "+"), "removed": ("red", "-")}.get(line.kind, ("dim", " "))
        console.print(f"[{color}]{sign} {escape(line.text)}[/]", highlight=False)
