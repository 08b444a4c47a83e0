"""Asking for money, batch by batch: money set aside, asked, answers kept, calls written, the rest put back."""

from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from prefcurate.transforms.annotate.chat import Asked, Request, same_call
from prefcurate.transforms.annotate.client import ChatSession
from prefcurate.transforms.annotate.pending import Site
from prefcurate.transforms.annotate.reservations import Purse, Reservation, call_rows
from prefcurate.transforms.store.lease import still_holds
from prefcurate.transforms.store.parts import Part

SMALLEST_BATCH = 8

Keep = Callable[[Sequence[Asked]], Iterable[Request]]


@dataclass
class Account:
    """What became of the questions that were given to a desk: each is in exactly one of these but `requests`."""

    replied: int = 0
    failed: int = 0
    """Given up after all tries, or refused by the endpoint."""
    unasked_budget: int = 0
    unasked_endpoint: int = 0
    requests: int = 0
    down: str = ""
    """Why the endpoint counts as down."""


@dataclass
class Desk:
    """Asks questions of one unit within its purse, and leaves durable calls.

    A batch is twice the concurrency: what is in flight at a kill -9 is at most that.

    Args:
        site: the unit; its calls are written as its pending parts (see `parts`).
        session: an open session.
        purse: the unit's allotment, less what it spent in an earlier attempt.
        known_calls: of calls made before, what `same_call` says of their ids, so that new ones get others.
        spent_before: USD that the unit spent before.
    """

    site: Site
    session: ChatSession
    purse: Purse
    known_calls: Container[str] = frozenset()
    spent_before: float = 0.0

    def __post_init__(self) -> None:
        self.parts: list[Part] = []
        """The pending parts of `calls` that were written."""
        self.account = Account()

    def ask(self, requests: Iterable[Request], keep: Keep) -> Account:
        """Asks all requests in batches.

        Args:
            requests: taken from as batches are asked, so that texts need not all be in memory.
            keep: called with the outcomes of each batch, before its calls are written: it must make the answers durable. It gives
                the requests that follow from them (further attempts), which are asked next.
        """
        size = max(SMALLEST_BATCH, 2 * self.session.concurrency)
        waiting, source = deque[Request](), iter(requests)
        while batch := list(_taken(waiting, source, size)):
            # Who has been taken over pays for nothing any more: the other run asks the same.
            still_holds(self.site.store.root, self.site.run_id)
            reservation = Reservation.open(self.site, self.purse, [self._priced(r) for r in batch], self.spent_before)
            waiting.extendleft(reversed(batch[len(reservation.requests) :]))
            if not reservation.requests or self.session.down:
                reservation.close()
                waiting.extendleft(reversed(reservation.requests))
                break
            waiting.extendleft(reversed(self._asked(reservation, keep)))
        self._leave(len(waiting) + sum(1 for _ in source))
        return self.account

    def _priced(self, request: Request) -> tuple[Request, float]:
        index = 0
        while same_call(request.call_id(index)) in self.known_calls:
            index += 1
        return replace(request, calls_before=index), self.session.options.worst_usd(request)

    def _asked(self, reservation: Reservation, keep: Keep) -> list[Request]:
        outcomes = self.session.ask(reservation.requests, reservation)
        following = list(keep(outcomes))
        part = self.site.write("calls", call_rows(self.site, outcomes))
        self.parts += [part] if part else []
        self.spent_before += reservation.close()
        self._count(outcomes)
        return following

    def _count(self, outcomes: Sequence[Asked]) -> None:
        account = self.account
        for asked in outcomes:
            account.requests += len(asked.calls)
            account.replied += asked.reply is not None
            account.failed += asked.reply is None and not asked.unasked
            account.unasked_budget += asked.unasked == "budget"
            account.unasked_endpoint += asked.unasked == "endpoint"

    def _leave(self, left: int) -> None:
        self.account.down = self.session.down
        if self.session.down:
            self.account.unasked_endpoint += left
        else:
            self.account.unasked_budget += left


def _taken(waiting: deque[Request], source: Iterator[Request], size: int) -> Iterator[Request]:
    for _ in range(size):
        if waiting:
            yield waiting.popleft()
        elif (request := next(source, None)) is not None:
            yield request
        else:
            return
