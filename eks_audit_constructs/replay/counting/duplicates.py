"""Events that came more than once, as overlapping downloads and exports have them: the same `auditID` and `stage`.

Each event has an identity, a hash of the two. Of small logs all are remembered, and the number of copies is exact. Of
large ones one in so many is, the same ones in each file: the copies among them, times that number, are about as many
as there are. So some megabytes of memory are enough for any log.

https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/#audit-k8s-io-v1-Event
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from eks_audit_constructs.audit_logs.logs import Log
from eks_audit_constructs.conditions.expression import Path
from eks_audit_constructs.duck import session

__all__ = ["AUDIT_ID", "REMEMBERED", "STAGE", "Identities", "identity", "one_in"]

AUDIT_ID: Path = ("auditID",)
STAGE: Path = ("stage",)

_SMALL = 64 * 1024 * 1024
"""Bytes of logs of which every identity is remembered: about 50,000. Of larger logs there are no more."""
_LEAST = 16
"""Of logs that are not small, one in so many identities is remembered at the most: it keeps them quick to count."""
_PACKED = 12
"""How many times larger a compressed audit log is, about."""
_AT_ONCE = 10_000
"""Events that wait for DuckDB to hash them."""


def one_in(logs: Iterable[Log]) -> int:
    """Of how many identities to remember one, a power of two; 1 for small logs."""
    size = sum(log.size * (_PACKED if log.gzipped else 1) for log in logs)
    return 1 if size <= _SMALL else max(_LEAST, 1 << ((size - 1) // _SMALL).bit_length())


def identity(audit_id: str, stage: str) -> str:
    """The identity of an event as SQL, NULL where one of the two is."""
    return f"case when {audit_id} is not null and {stage} is not null then hash({audit_id}, {stage}) end"


REMEMBERED = "list(identity) filter (identity % $one_in::ubigint = 0)"
"""The identities to remember of a group of events with the column `identity`, as SQL with the parameter `one_in`."""

_HASHED = f"""
    select unnest({REMEMBERED}) from (
        select {identity("audit_id", "stage")} as identity
        from (select unnest($ids) as audit_id, unnest($stages) as stage)
    )
"""


class Identities:
    """The identities to remember of events that Python reads; each with how often it came."""

    def __init__(self, one_in: int) -> None:
        self._one_in = one_in
        self._waiting: list[tuple[str, str]] = []
        self._seen = Counter[int]()

    def add(self, audit_id: object, stage: object) -> None:
        """Enter an event; without two texts it has no identity."""
        if isinstance(audit_id, str) and isinstance(stage, str):
            self._waiting.append((audit_id, stage))
            if len(self._waiting) == _AT_ONCE:
                self._hash()

    def seen(self) -> dict[int, int]:
        """How often each came."""
        if self._waiting:
            self._hash()
        return dict(self._seen)

    def _hash(self) -> None:
        ids, stages = map(list, zip(*self._waiting, strict=True))
        self._waiting.clear()
        with session.database() as database:
            rows = database.execute(_HASHED, {"ids": ids, "stages": stages, "one_in": self._one_in}).fetchall()
        self._seen.update(number for (number,) in rows)
