"""AuditQueries: saved CloudWatch Logs Insights queries for a cluster's audit log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from aws_cdk import aws_logs as logs
from constructs import Construct

from eks_audit_constructs import catalog
from eks_audit_constructs.catalog import SavedQuery
from eks_audit_constructs.cdk.checked import checked
from eks_audit_constructs.cdk.checks import cluster_name as valid_cluster_name
from eks_audit_constructs.cdk.checks import shortest
from eks_audit_constructs.cdk.companions import companions, remember
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["AuditQueries", "query_name", "unique"]

_MAX_NAME = 255


def query_name(cluster_name: str, query: SavedQuery) -> str:
    """The name of a saved query in the console, in a folder for its cluster."""
    return f"EKS audit/{cluster_name}/{query.title}"


def unique(queries: Iterable[SavedQuery], where: str) -> tuple[SavedQuery, ...]:
    """Return the queries if each has an id, a title and a logical id of its own.

    Raises:
        AuditConfigurationError: Two have the same.
    """
    seen: dict[tuple[str, str], SavedQuery] = {}
    every = tuple(queries)
    for query in every:
        for what, name in (("id", query.id), ("title", query.title), ("id in Pascal case", query.pascal_id)):
            if (what, name) in seen:
                raise AuditConfigurationError(
                    where,
                    value=name,
                    limit=f"queries have unique ids and titles, and {seen[what, name].id!r} has this {what} too",
                    way_out="Rename or remove one.",
                )
            seen[what, name] = query
    return every


class AuditQueries(Construct):
    """Saves Logs Insights queries for a cluster in the folder `EKS audit/<cluster>`. They cost nothing until run.

    Args:
        scope: The parent.
        id: The construct's id.
        cluster_name: The cluster's name.
        log_group: The cluster's log group, preselected when a query is opened.
        queries: The queries to save. Default: `catalog.DEFAULT_QUERIES`; `catalog.QUERIES` is the whole catalogue. One
            that another construct of the app saves for the same cluster is not saved twice.

    Raises:
        AuditConfigurationError: Two queries of the cluster share an id or a title, or a name is longer than 255
            characters.
    """

    @checked()
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster_name: str,
        log_group: logs.ILogGroup | logs.LogGroup,
        queries: Iterable[SavedQuery] = catalog.DEFAULT_QUERIES,
    ) -> None:
        super().__init__(scope, id)
        valid_cluster_name(cluster_name, self.node.path)
        by_id = {query.id: query for query in unique(queries, self.node.path)}
        titles = {query.title: query for query in by_id.values()}
        for other in companions(AuditQueries, self, cluster_name):
            for query in other._saved:
                mine = titles.get(query.title)
                if mine is None:
                    continue
                if mine != query:
                    raise AuditConfigurationError(
                        self.node.path,
                        value=query.title,
                        limit=f"{other.node.path} saves another query of this title for the same cluster",
                        way_out="Give one of them another title.",
                    )
                by_id.pop(query.id, None)
        self._saved: tuple[SavedQuery, ...] = tuple(by_id.values())
        remember(AuditQueries, self, cluster_name)
        group = log_group.log_group_name
        self._definitions = {id: self._definition(by_id[id], cluster_name, group) for id in sorted(by_id)}

    @property
    def definitions(self) -> Mapping[str, logs.CfnQueryDefinition]:
        """The query definitions, by query id."""
        return MappingProxyType(self._definitions)

    def _definition(self, query: SavedQuery, cluster_name: str, group: str) -> logs.CfnQueryDefinition:
        name = query_name(cluster_name, query)
        if (length := shortest(name, cluster_name)) > _MAX_NAME:
            raise AuditConfigurationError(
                self.node.path,
                value=name,
                limit=f"{length} characters; a saved query's name can have at most {_MAX_NAME}",
                way_out="Shorten its title.",
            )
        # L1, because the L2 reorders the commands and does not support dedup.
        return logs.CfnQueryDefinition(
            self,
            query.pascal_id,
            name=name,
            query_string=query.text,
            log_group_names=[group],
        )
