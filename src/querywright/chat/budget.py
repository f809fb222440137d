"""A hard limit on calls and money: every request reserves the most it can cost before it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from querywright.errors import BudgetExhausted


@dataclass(frozen=True, slots=True)
class Spending:
    """What has been paid: requests, tokens, US dollars.

    ``cost`` counts what is known; requests whose price is unknown are counted by ``unpriced``. A request that was sent and
    never answered is counted at the most it can have cost.
    """

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    unpriced: int = 0


@dataclass(slots=True)
class Charge:
    """What one request turned out to cost; ``paid`` stays set where nobody knows whether the server worked on it."""

    cost: float | None
    paid: bool = True


class Budget:
    """Admits requests as long as they cannot pass a limit, also when many are under way at once."""

    def __init__(self, max_cost: float | None, max_calls: int | None, spent: Spending) -> None:
        self.max_cost = max_cost
        self.max_calls = max_calls
        self._cost = spent.cost
        self._calls = spent.calls
        self._reserved_cost = 0.0
        self._reserved_calls = 0
        self._settled = asyncio.Event()

    @asynccontextmanager
    async def reserved(self, at_most: float | None) -> AsyncIterator[Charge]:
        """Hold ``at_most`` US dollars and one call while a request is under way; the charge says what to keep of them.

        Waits while requests under way may leave enough. Raises `BudgetExhausted` where they cannot.
        """
        while self._shortage(at_most, self._reserved_cost, self._reserved_calls):
            if shortage := self._shortage(at_most, 0.0, 0):
                raise shortage
            self._settled.clear()
            await self._settled.wait()
        self._reserved_cost += at_most or 0.0
        self._reserved_calls += 1
        charge = Charge(at_most)
        try:
            yield charge
        finally:
            self._reserved_calls -= 1
            self._reserved_cost = self._reserved_cost - (at_most or 0.0) if self._reserved_calls else 0.0
            if charge.paid:
                self._cost += charge.cost or 0.0
                self._calls += 1
            self._settled.set()

    def _shortage(self, at_most: float | None, reserved_cost: float, reserved_calls: int) -> BudgetExhausted | None:
        if self.max_calls is not None and self._calls + reserved_calls >= self.max_calls:
            return BudgetExhausted(
                f"No call of the model is left of {self.max_calls}",
                f"What was found is kept. Allow more: --max-calls {2 * self.max_calls or 10}",
            )
        if self.max_cost is None or at_most is None:
            return None
        if self._cost + reserved_cost + at_most > self.max_cost:
            return BudgetExhausted(
                f"The next call can cost up to ${at_most:.4f}, and ${max(self.max_cost - self._cost, 0):.4f}"
                f" of ${self.max_cost:.4f} is left",
                f"What was found is kept. Allow more: --max-cost {self._cost + 2 * at_most + 0.01:.2f}, or --max-tokens 2048",
            )
        return None
