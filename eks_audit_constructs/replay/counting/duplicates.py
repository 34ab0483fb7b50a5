"""Find duplicate events, as in overlapping downloads and exports: those with the same `auditID` and `stage`.

The identity of an event is a hash of the two. For small logs all identities are kept, and the number of duplicates is
exact. For large logs one in N identities is kept, the same ones in each file, and N times the duplicates among them is
an estimate. A few megabytes of memory are enough for any log.

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
"""Bytes of logs up to which all identities are kept, about 50,000. Larger logs keep no more than that."""
_LEAST = 16
"""Logs that are not small keep at most one in so many identities, so that they are fast to count."""
_PACKED = 12
"""Approximate compression ratio of audit logs."""
_AT_ONCE = 10_000
"""Events per batch that DuckDB hashes."""


def one_in(logs: Iterable[Log]) -> int:
    """Return N to keep one in N identities: a power of two, 1 for small logs."""
    size = sum(log.size * (_PACKED if log.gzipped else 1) for log in logs)
    return 1 if size <= _SMALL else max(_LEAST, 1 << ((size - 1) // _SMALL).bit_length())


def identity(audit_id: str, stage: str) -> str:
    """Return the SQL for the identity of an event, NULL if either part is."""
    return f"case when {audit_id} is not null and {stage} is not null then hash({audit_id}, {stage}) end"


REMEMBERED = "list(identity) filter (identity % $one_in::ubigint = 0)"
"""SQL for the identities to keep of a group of events: needs the column `identity` and the parameter `one_in`."""

_HASHED = f"""
    select unnest({REMEMBERED}) from (
        select {identity("audit_id", "stage")} as identity
        from (select unnest($ids) as audit_id, unnest($stages) as stage)
    )
"""


class Identities:
    """The identities to keep of events that are read in Python, with their counts."""

    def __init__(self, one_in: int) -> None:
        self._one_in = one_in
        self._waiting: list[tuple[str, str]] = []
        self._seen = Counter[int]()

    def add(self, audit_id: object, stage: object) -> None:
        """Add an event; it has no identity unless both parts are strings."""
        if isinstance(audit_id, str) and isinstance(stage, str):
            self._waiting.append((audit_id, stage))
            if len(self._waiting) == _AT_ONCE:
                self._hash()

    def seen(self) -> dict[int, int]:
        """Return the number of events for each identity."""
        if self._waiting:
            self._hash()
        return dict(self._seen)

    def _hash(self) -> None:
        ids, stages = map(list, zip(*self._waiting, strict=True))
        self._waiting.clear()
        with session.database() as database:
            rows = database.execute(_HASHED, {"ids": ids, "stages": stages, "one_in": self._one_in}).fetchall()
        self._seen.update(number for (number,) in rows)
