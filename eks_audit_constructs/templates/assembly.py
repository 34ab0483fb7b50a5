"""Find the templates of a path, each with the name of its stack: a file, a `cdk.out` folder, a folder of templates.

A cloud assembly is read by its manifest, so that what an earlier synthesis left in the folder is not read, and the
stacks of each `Stage` are. The template of a nested stack is read where its parent has it, with the values that the
parent passes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eks_audit_constructs.files import is_folder
from eks_audit_constructs.templates.files import read_document, refusal

__all__ = ["Document", "documents", "template_files"]

_STACK = "AWS::CloudFormation::Stack"


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A parsed template; its `Resources` are a mapping."""

    name: str
    """The stack's name, or the file's; unique among the templates of a path."""
    file: Path
    body: Mapping[str, Any]
    stack_name: str | None = None
    environment: tuple[str, str] | None = None
    """Account and Region, if the manifest names them."""
    nested: Mapping[str, Document] = field(default_factory=dict)
    """The templates of its nested stacks that are here, by logical id."""

    def all(self) -> Iterator[Document]:
        """Yield this template and those of its nested stacks."""
        yield self
        for child in self.nested.values():
            yield from child.all()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stack:
    """A template file of a path."""

    name: str
    file: Path
    stack_name: str | None = None
    environment: tuple[str, str] | None = None


def documents(path: Path) -> list[Document]:
    """Return the templates of a path; those of nested stacks are in their parents.

    Raises:
        TemplateError: There is no template, or one cannot be read.
    """
    stacks = _stacks(path)
    if not stacks:
        raise refusal(path, path.name, "this folder contains no *.template.json", "Run `cdk synth` first")
    found = [_document(stack, {stack.file}) for stack in stacks]
    if is_folder(path) and not (path / "manifest.json").is_file():
        # Without a manifest, a folder says nothing of what is nested: the parents do.
        nested = {child.file for parent in found for child in parent.all() if child is not parent}
        found = [document for document in found if document.file not in nested]
    return found


def template_files(path: Path) -> list[Path]:
    """Return the file itself, or the templates in a folder."""
    if not is_folder(path):
        return [path]
    return sorted({*path.glob("**/*.template.json"), *(stack.file for stack in _stacks(path))})


def _stacks(path: Path) -> list[_Stack]:
    if not is_folder(path):
        return [_Stack(name=path.name, file=path)]
    found = list(_in_manifest(path))
    if not found:
        files = sorted(path.glob("**/*.template.json"))
        found = [_Stack(name=_stem(file.relative_to(path)), file=file) for file in files]
    names = [stack.name for stack in found]
    return [
        stack
        if names.count(stack.name) == 1
        else _Stack(
            name=f"{stack.name} [{stack.file.relative_to(path).as_posix()}]",
            file=stack.file,
            stack_name=stack.stack_name,
            environment=stack.environment,
        )
        for stack in sorted(found, key=lambda stack: (stack.name, stack.file))
    ]


def _in_manifest(folder: Path) -> Iterator[_Stack]:
    """Yield the stacks of a cloud assembly and of the assemblies of its stages."""
    artifacts = _mapping(_json(folder / "manifest.json").get("artifacts"))
    for id, artifact in artifacts.items():
        artifact = _mapping(artifact)
        properties = _mapping(artifact.get("properties"))
        kind, file = artifact.get("type"), properties.get("templateFile")
        directory = properties.get("directoryName")
        if kind == "aws:cloudformation:stack" and isinstance(file, str):
            stack_name = properties.get("stackName")
            yield _Stack(
                name=str(artifact.get("displayName") or id),
                file=folder / file,
                stack_name=stack_name if isinstance(stack_name, str) else None,
                environment=_environment(artifact.get("environment")),
            )
        elif kind == "cdk:cloud-assembly" and isinstance(directory, str) and (folder / directory) != folder:
            yield from _in_manifest(folder / directory)


def _environment(text: Any) -> tuple[str, str] | None:
    """Read `aws://111122223333/eu-west-1`; None if the account or the Region is decided at deployment."""
    parts = str(text).removeprefix("aws://").split("/")
    if len(parts) != 2 or any(part.startswith("unknown-") or not part for part in parts):
        return None
    account, region = parts
    return account, region


def _document(stack: _Stack, above: set[Path]) -> Document:
    body = read_document(stack.file)
    nested = {}
    for logical_id, resource in body["Resources"].items():
        if not isinstance(resource, Mapping) or resource.get("Type") != _STACK:
            continue
        file = _nested_file(stack.file, resource)
        if file is not None and file not in above:
            child = _Stack(name=f"{stack.name}/{logical_id}", file=file, environment=stack.environment)
            nested[str(logical_id)] = _document(child, above | {file})
    return Document(
        name=stack.name,
        file=stack.file,
        body=body,
        stack_name=stack.stack_name,
        environment=stack.environment,
        nested=nested,
    )


def _nested_file(parent: Path, resource: Mapping[str, Any]) -> Path | None:
    """Return the template of a nested stack: a path beside its parent's, or an asset of the cloud assembly."""
    asset = _mapping(resource.get("Metadata")).get("aws:asset:path")
    url = _mapping(resource.get("Properties")).get("TemplateURL")
    names = [name for name in (asset, url) if isinstance(name, str) and "://" not in name]
    written = json.dumps(url, default=str)
    for manifest in sorted(parent.parent.glob("*.assets.json")):
        for hash, file in _mapping(_json(manifest).get("files")).items():
            source = _mapping(_mapping(file).get("source")).get("path")
            if hash in written and isinstance(source, str):
                names.append(source)
    for name in names:
        try:
            if (file := parent.parent / name).is_file():
                return file
        except (OSError, ValueError):
            continue
    return None


def _json(path: Path) -> Mapping[str, Any]:
    """Return a JSON object; an empty one if there is none, since what it says of the templates is a help only."""
    try:
        return _mapping(json.loads(path.read_text(encoding="utf-8-sig")))
    except (OSError, ValueError, RecursionError):
        return {}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _stem(path: Path) -> str:
    return path.as_posix().removesuffix(".template.json")
