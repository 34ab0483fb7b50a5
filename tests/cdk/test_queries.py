from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_logs as logs
from aws_cdk.assertions import Template

from eks_audit_constructs import AuditConfigurationError, AuditQueries, SavedQuery, catalog


def saved(*queries: SavedQuery, cluster: str = "prod") -> dict[str, Any]:
    stack = Stack(App(), "Stack")
    group = logs.LogGroup.from_log_group_name(stack, "Group", f"/aws/eks/{cluster}/cluster")
    AuditQueries(stack, "Queries", cluster_name=cluster, log_group=group, queries=queries or catalog.DEFAULT_QUERIES)
    resources: dict[str, Any] = Template.from_stack(stack).find_resources("AWS::Logs::QueryDefinition")
    return resources


def test_each_query_is_saved_in_the_clusters_folder_word_for_word() -> None:
    resources = saved()
    assert len(resources) == len(catalog.DEFAULT_QUERIES)
    by_name = {resource["Properties"]["Name"]: resource["Properties"] for resource in resources.values()}
    for query in catalog.DEFAULT_QUERIES:
        assert by_name[f"EKS audit/prod/{query.title}"]["QueryString"] == query.text
        assert by_name[f"EKS audit/prod/{query.title}"]["LogGroupNames"] == ["/aws/eks/prod/cluster"]


def test_order_does_not_matter() -> None:
    assert saved(*reversed(catalog.DEFAULT_QUERIES)) == saved()


def test_two_queries_of_one_id_are_refused() -> None:
    with pytest.raises(AuditConfigurationError, match="unique ids") as refusal:
        saved(catalog.DEFAULT_QUERIES[0], catalog.DEFAULT_QUERIES[0])
    assert refusal.value.where == "Stack/Queries"


def test_a_name_longer_than_insights_takes_is_refused() -> None:
    long = dataclasses.replace(catalog.DEFAULT_QUERIES[0], title="x" * 250)
    with pytest.raises(AuditConfigurationError, match="at most 255"):
        saved(long)
    assert saved(dataclasses.replace(long, title="x" * 200))
