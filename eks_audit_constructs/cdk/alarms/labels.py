"""What an alarm is called and says: its name, the namespace of its metric, its description and tags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import Token

from eks_audit_constructs.catalog import Detection
from eks_audit_constructs.cdk import checks
from eks_audit_constructs.cdk.queries import query_name
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["Labels"]

_MAX_NAME = 255
_MAX_DESCRIPTION = 1024

_NAMESPACE = re.compile(r"[\w.#/-][\w.#/ -]*", re.ASCII)
"""What CloudWatch allows for a namespace, without the colon, which metric filters do not."""

_URL = re.compile(r"https?://[^\s{}<>\"]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Labels:
    """How the alarms of one cluster are labelled.

    Raises:
        AuditConfigurationError: CloudWatch would reject a label, or a link would lead nowhere.
    """

    where: str
    cluster_name: str
    alarm_name_prefix: str = "eks-audit"
    namespace_prefix: str = "EksAudit"
    runbook_url: str | None = None

    def __post_init__(self) -> None:
        for argument, value, good, limit, way_out in (
            (
                "alarm_name_prefix",
                self.alarm_name_prefix,
                lambda text: bool(text) and text.isprintable(),
                "the name of an alarm begins with it: characters, but no line breaks or other control characters",
                "Pass a word, as in 'platform': alarms are then called platform/<cluster>/<detection>",
            ),
            (
                "namespace",
                self.namespace_prefix,
                lambda text: bool(_NAMESPACE.fullmatch(text)) and text.lower().split("/")[0] != "aws",
                "a namespace is letters, digits, spaces and ._/#-, and AWS/ is AWS's own",
                "Pass a word, as in 'Security': metrics are then in Security/<cluster>",
            ),
            (
                "runbook_url",
                "https://example.com" if self.runbook_url is None else self.runbook_url,
                lambda text: bool(_URL.fullmatch(text.replace("{id}", "id"))),
                "a link begins with https:// and has no spaces; {id}, the detection's id, is all it may have in braces",
                "Pass, for example, 'https://wiki.example.com/runbooks/{id}'",
            ),
        ):
            if not isinstance(value, str) or not (Token.is_unresolved(value) or good(value)):
                raise AuditConfigurationError(f"{self.where}: {argument}", value=value, limit=limit, way_out=way_out)
        self._short_enough("a namespace", self.namespace, _MAX_NAME, "Shorten namespace")

    @property
    def namespace(self) -> str:
        """The namespace of the metrics."""
        return f"{self.namespace_prefix}/{self.cluster_name}"

    @property
    def folder(self) -> str:
        """What the names of the alarms begin with."""
        return f"{self.alarm_name_prefix}/{self.cluster_name}"

    def name(self, detection: Detection) -> str:
        """The alarm's name."""
        name = f"{self.folder}/{detection.id}"
        return self._short_enough("an alarm's name", name, _MAX_NAME, "Shorten alarm_name_prefix", detection)

    def description(self, detection: Detection) -> str:
        """The alarm's description, in Markdown, which the console shows."""
        parts = [
            f"**{detection.title}** ({detection.severity.value} severity)",
            f"{detection.what} {detection.why}",
            f"**Next:** {detection.next_steps}",
            f"**Saved query:** {query_name(self.cluster_name, detection.saved_query)}",
        ]
        if self.runbook_url is not None:
            parts.append(f"**Runbook:** {self.runbook_url.replace('{id}', detection.id)}")
        if detection.techniques:
            parts.append(f"**MITRE ATT&CK:** {', '.join(detection.techniques)}")
        way_out = "Shorten what, why or next_steps" + ("" if self.runbook_url is None else ", or runbook_url")
        return self._short_enough("an alarm's description", "\n\n".join(parts), _MAX_DESCRIPTION, way_out, detection)

    def tags(self, detection: Detection) -> Mapping[str, str]:
        """What notifications can be routed by."""
        tags = {
            "eks-audit:cluster": self.cluster_name,
            "eks-audit:detection": detection.id,
            "eks-audit:severity": detection.severity.value,
        }
        # Separated by spaces: tags have no commas.
        return {**tags, "eks-audit:technique": " ".join(detection.techniques)} if detection.techniques else tags

    def _short_enough(self, what: str, text: str, limit: int, way_out: str, detection: Detection | None = None) -> str:
        """Return the text, unless CloudWatch would reject it, however short the cluster's name turns out to be."""
        length = checks.shortest(text, self.cluster_name)
        others = Token.is_unresolved(text.replace(self.cluster_name, ""))  # whose length is not known
        if length > limit and not others:
            raise AuditConfigurationError(
                self.where if detection is None else f"{self.where}: detection {detection.id!r}",
                value=text,
                limit=f"{length} characters; {what} can have at most {limit}",
                way_out=way_out,
            )
        return text
