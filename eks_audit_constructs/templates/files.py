"""Parse template files: JSON, or YAML with CloudFormation's short tags."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eks_audit_constructs.errors import TemplateError

__all__ = ["is_template", "read_document", "refusal"]

_LARGEST = 4_000_000
"""Maximum bytes of a template. CloudFormation accepts 1 MB; a larger file is something else, such as a log."""
_YAML_RESOURCES = re.compile(r"^Resources:\s*(#.*)?$", re.MULTILINE)
_YAML_TYPE = re.compile(r"\bType[\"']?:\s*[\"']?(AWS|Custom|Alexa)::")


def is_template(path: Path) -> bool:
    """Return whether this is a template or a `cdk.out` folder, judging by its name and content."""
    try:
        if path.is_dir():
            return (path / "manifest.json").is_file() and any(path.glob("**/*.template.json"))
        if not path.is_file():
            return False
        if path.name.endswith((".template.json", ".template.yaml", ".template.yml")):
            return True
        if path.stat().st_size > _LARGEST or b"Resources" not in (content := path.read_bytes()):
            return False
        text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return False  # reading it as a log reports the error
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return bool(_YAML_RESOURCES.search(text) and _YAML_TYPE.search(text))
    return isinstance(document, Mapping) and isinstance(document.get("Resources"), Mapping)


def read_document(path: Path) -> Mapping[str, Any]:
    """Return the template in a file; its `Resources` are a mapping.

    Raises:
        TemplateError: The file cannot be read, or is not a template.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise refusal(path, path.name, error.strerror or str(error), "Name a readable file") from error
    except UnicodeDecodeError as error:
        raise refusal(path, path.name, "not UTF-8 text", "Name a CloudFormation template") from error
    document = _parsed(path, text)
    if not isinstance(document, Mapping) or not isinstance(document.get("Resources"), Mapping):
        raise refusal(path, text.strip()[:60], "a CloudFormation template has a Resources section", "Name a template")
    return document


def _parsed(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    import yaml  # only needed for templates that are not JSON

    try:
        return yaml.load(text, Loader=_loader())  # a SafeLoader that also knows CloudFormation's tags
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise refusal(path, text.strip()[:60], f"neither JSON nor YAML: {reason}", "Name a template") from error


def _loader() -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """Loads CloudFormation's YAML: `!Sub x` becomes `{"Fn::Sub": x}`, and a date stays text."""

    def tagged(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
        if isinstance(node, yaml.ScalarNode):
            value: Any = loader.construct_scalar(node)
        elif isinstance(node, yaml.SequenceNode):
            value = loader.construct_sequence(node, deep=True)
        else:
            value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]  # the only other kind
        if suffix == "GetAtt" and isinstance(value, str):
            value = value.split(".", 1)
        return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}

    def as_written(loader: Any, node: Any) -> Any:
        return loader.construct_scalar(node)

    Loader.add_multi_constructor("!", tagged)
    Loader.add_constructor("tag:yaml.org,2002:timestamp", as_written)
    return Loader


def refusal(path: Path, value: str, limit: str, way_out: str) -> TemplateError:
    """Return the error for a file that is not a template, or cannot be read."""
    return TemplateError(str(path), value=value, limit=limit, way_out=f"{way_out}.")
