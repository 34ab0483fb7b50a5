"""AuditQueries: saved CloudWatch Logs Insights queries for a cluster's audit log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from aws_cdk import Token
from aws_cdk import aws_logs as logs
from constructs import Construct

from eks_audit_constructs import catalog
from eks_audit_constructs.catalog import SavedQuery
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["AuditQueries", "query_name"]

_MAX_NAME = 255


def query_name(cluster_name: str, query: SavedQuery) -> str:
    """The name of a saved query in the console, in a folder for its cluster."""
    return f"EKS audit/{cluster_name}/{query.title}"


class AuditQueries(Construct):
    """Saves Logs Insights queries for a cluster in the folder `EKS audit/<cluster>`. They cost nothing until run.

    Args:
        scope: The parent.
        id: The construct's id.
        cluster_name: The cluster's name.
        log_group: The cluster's log group, preselected when a query is opened.
        queries: The queries to save. Default: `catalog.DEFAULT_QUERIES`; `catalog.QUERIES` is the whole catalogue.

    Raises:
        AuditConfigurationError: Two queries share an id, or a name is longer than 255 characters.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster_name: str,
        log_group: logs.ILogGroup,
        queries: Iterable[SavedQuery] = catalog.DEFAULT_QUERIES,
    ) -> None:
        super().__init__(scope, id)
        by_id: dict[str, SavedQuery] = {}
        for query in queries:
            if not isinstance(query, SavedQuery) or query.id in by_id:
                raise AuditConfigurationError(
                    self.node.path,
                    value=getattr(query, "id", query),
                    limit="queries must be SavedQuery objects with unique ids",
                    way_out="Rename or remove one.",
                )
            by_id[query.id] = query
        named = not Token.is_unresolved(cluster_name)
        group = log_group.log_group_name
        self._definitions = {
            id: self._definition(by_id[id], query_name(cluster_name, by_id[id]), group, named) for id in sorted(by_id)
        }

    @property
    def definitions(self) -> Mapping[str, logs.CfnQueryDefinition]:
        """The query definitions, by query id."""
        return MappingProxyType(self._definitions)

    def _definition(self, query: SavedQuery, name: str, group: str, named: bool) -> logs.CfnQueryDefinition:
        if named and len(name) > _MAX_NAME:
            raise AuditConfigurationError(
                self.node.path,
                value=name,
                limit=f"{len(name)} characters; a saved query's name can have at most {_MAX_NAME}",
                way_out="Shorten its title.",
            )
        # L1, because the L2 reorders the commands and does not support dedup.
        return logs.CfnQueryDefinition(
            self,
            "".join(word.capitalize() for word in query.id.split("-")),
            name=name,
            query_string=query.text,
            log_group_names=[group],
        )
