"""Every error Querywright raises on purpose, in one tree.

    QuerywrightError
    ├── InputError               what the user typed or pointed at; the command line exits with 2
    │   ├── QueryError           the SQL cannot be used: syntax, several statements, not read-only, unknown names
    │   ├── BindingError         parameter values are missing or do not fit
    │   ├── DatabaseError        the database is missing, unreadable, locked, or named in an unknown way
    │   ├── RunError             a run directory is missing, damaged, or of another query
    │   ├── MissingExtraError    an optional library is needed; the message holds the install command
    │   └── GymError             a request to the gym cannot be served; ``status`` is HTTP's code for why
    │       ├── UnknownTask      there is no task of that name
    │       ├── UnknownEpisode   there is no open episode of that name
    │       ├── EpisodeTaken     an open episode has that name already
    │       ├── EpisodeOver      the episode takes no more answers
    │       ├── MeterExhausted   the client has used up its free tries for now
    │       ├── GymBusy          too many requests wait already
    │       ├── GymUnprepared    the gym lacks something that only whoever runs it can supply
    │       └── ExaminationFailed  something went wrong on the gym's side; its log says what
    ├── ExecutionError           the engine refused or gave up on a statement
    │   ├── StatementError       the engine answered with an error
    │   ├── StatementTimeout     the statement passed its time limit and was stopped
    │   ├── StatementOutOfMemory the statement passed its memory limit
    │   └── WorkerLost           the worker process died or had to be killed
    ├── ChatError                no answer of the language model
    │   ├── ChatUnavailable      the model's server cannot be reached or keeps failing, after retries
    │   ├── ChatRefused          the server will not serve this request: no key, wrong key, unknown model
    │   ├── ReplyUnusable        the server answered with something that cannot be read
    │   └── BudgetExhausted      the call was not sent: it could pass the limit on cost or calls
    └── ContractError            a plug-in broke its contract; names the plug-in

Each message names the file, stage or plug-in it speaks of, and ``remedy`` says what to type or change next.
"""

from __future__ import annotations


class QuerywrightError(Exception):
    """Base of the tree: a message for people and the remedy that goes with it."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message

    def __reduce__(self) -> tuple[type[QuerywrightError], tuple[str, str]]:
        """Errors cross process borders whole."""
        return type(self), (self.message, self.remedy)


class InputError(QuerywrightError):
    """The user's input cannot be used."""


class QueryError(InputError):
    """The SQL text is not one read-only query that this database can answer."""


class BindingError(InputError):
    """Parameter values are missing, superfluous or of the wrong shape."""


class DatabaseError(InputError):
    """The database cannot be opened."""


class RunError(InputError):
    """A run directory is missing, damaged or does not belong to this query."""


class MissingExtraError(InputError):
    """An optional library is not installed."""

    def __init__(self, message: str, remedy: str = "", *, extra: str = "") -> None:
        super().__init__(message, remedy or f"Install it with: pip install 'querywright[{extra}]'")


class GymError(InputError):
    """A request to the gym cannot be served; ``status`` is the HTTP status that says so, ``retry_after_s`` when to try again."""

    status = 400
    retry_after_s: float | None = None


class UnknownTask(GymError):
    """There is no task of that name."""

    status = 400  # as the published environment answers


class UnknownEpisode(GymError):
    """There is no open episode of that name: never started, closed, or closed because nothing came for long."""

    status = 404


class EpisodeTaken(GymError):
    """An open episode has the name that a new one was to get."""

    status = 409


class EpisodeOver(GymError):
    """The episode has had its last step."""


class MeterExhausted(GymError):
    """A client has used up its tries outside of episodes for now."""

    status = 429

    def __init__(self, message: str, remedy: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, remedy)
        self.retry_after_s = retry_after_s


class GymBusy(GymError):
    """Too many requests of this client, or of all, wait for their turn."""

    status = 503
    retry_after_s = 5.0


class GymUnprepared(GymError):
    """The gym lacks something that only whoever runs it can supply, such as a library; to ask again does not help."""

    status = 501


class ExaminationFailed(GymError):
    """Something went wrong on the gym's side; its log says what, the client is not told."""

    status = 503
    retry_after_s = 1.0


class ExecutionError(QuerywrightError):
    """The engine did not finish a statement."""


class StatementError(ExecutionError):
    """The engine answered a statement with an error."""


class StatementTimeout(ExecutionError):
    """A statement passed its time limit and was stopped."""


class StatementOutOfMemory(ExecutionError):
    """A statement passed its memory limit."""


class WorkerLost(ExecutionError):
    """The worker process died, or did not react to an interrupt and was killed."""


class ChatError(QuerywrightError):
    """The language model gave no answer."""


class ChatUnavailable(ChatError):
    """The model's server cannot be reached, or kept failing until the retries were used up."""


class ChatRefused(ChatError):
    """The model's server will not serve this request, however often it is sent."""


class ReplyUnusable(ChatError):
    """The model's server answered with something that cannot be read: too large, or not the protocol."""


class BudgetExhausted(ChatError):
    """A call was not sent because it could pass the limit on cost or on calls."""


class ContractError(QuerywrightError):
    """A plug-in broke its contract."""
