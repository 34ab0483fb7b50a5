"""Several templates: a cloud assembly by its manifest, its stages, and nested stacks with what their parents pass."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eks_audit_constructs.errors import TemplateError
from eks_audit_constructs.templates.assembly import documents, template_files
from eks_audit_constructs.templates.template import Key, read_template
from tests.replay.builders import metric_filter


def write(path: Path, document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def stack(file: str, name: str, **artifact: Any) -> dict[str, Any]:
    properties = {"templateFile": file, "stackName": name}
    return {"type": "aws:cloudformation:stack", "properties": properties, "displayName": name, **artifact}


def group_of(parameter: str) -> dict[str, Any]:
    resources = {"F": metric_filter("ERROR", group={"Ref": parameter})}
    return {"Parameters": {parameter: {"Type": "String"}}, "Resources": resources}


def parent(**properties: Any) -> dict[str, Any]:
    passed = {"Group": {"Ref": "Own"}}
    named = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/aws/eks/prod/cluster"}}
    nested = {"Type": "AWS::CloudFormation::Stack", "Properties": {"Parameters": passed, **properties}}
    return {"Resources": {"Own": named, "Inner": nested}}


class TestManifest:
    def test_stacks_have_their_names(self, tmp_path: Path) -> None:
        for file in ("x.template.json", "y.template.json", "left-over.template.json"):
            write(tmp_path / file, {"Resources": {"F": metric_filter("ERROR")}})
        artifacts = {"x": stack("x.template.json", "Audit-a"), "y": stack("y.template.json", "Audit-b")}
        write(tmp_path / "manifest.json", {"artifacts": artifacts})

        keys = [item.key for item in read_template(tmp_path).filters]

        assert keys == [Key("Audit-a", "F"), Key("Audit-b", "F")], "and nothing of an earlier synthesis"

    def test_stages(self, tmp_path: Path) -> None:
        inner = {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-Prod"}}
        write(tmp_path / "manifest.json", {"artifacts": {"assembly-Prod": inner}})
        at = tmp_path / "assembly-Prod"
        artifact = stack("s.template.json", "Prod/Audit", environment="aws://111122223333/eu-west-1")
        write(at / "manifest.json", {"artifacts": {"s": artifact}})
        write(at / "s.template.json", {"Resources": {"F": metric_filter("ERROR")}})

        [document] = documents(tmp_path)

        assert (document.name, document.environment) == ("Prod/Audit", ("111122223333", "eu-west-1"))
        assert template_files(tmp_path) == [at / "s.template.json"]

    def test_equal_names_stay_apart(self, tmp_path: Path) -> None:
        for file in ("x.template.json", "y.template.json"):
            write(tmp_path / file, {"Resources": {"F": metric_filter("ERROR")}})
        artifacts = {"x": stack("x.template.json", "Audit"), "y": stack("y.template.json", "Audit")}
        write(tmp_path / "manifest.json", {"artifacts": artifacts})

        assert len({item.key for item in read_template(tmp_path).filters}) == 2

    @pytest.mark.parametrize(
        "manifest",
        [
            [],
            {"artifacts": [1]},
            {"artifacts": {"a": 1, "b": {"type": "aws:cloudformation:stack", "properties": 3}}},
            {"artifacts": {"a": {"type": "cdk:cloud-assembly", "properties": {"directoryName": "."}}}},
            {"artifacts": {"a": {"type": "cdk:cloud-assembly", "properties": {"directoryName": "sub/.."}}}},
        ],
    )
    def test_a_manifest_that_names_no_stack_is_no_help(self, tmp_path: Path, manifest: Any) -> None:
        (tmp_path / "sub").mkdir()
        write(tmp_path / "manifest.json", manifest)
        write(tmp_path / "x.template.json", {"Resources": {"F": metric_filter("ERROR")}})

        assert [item.key for item in read_template(tmp_path).filters] == [Key("x", "F")]

    def test_a_stack_without_its_file_is_refused(self, tmp_path: Path) -> None:
        write(tmp_path / "manifest.json", {"artifacts": {"x": stack("x.template.json", "Audit")}})

        with pytest.raises(TemplateError, match=r"x\.template\.json"):
            read_template(tmp_path)


class TestNested:
    @pytest.mark.parametrize("found", ["asset", "hash", "path"])
    def test_gets_what_its_parent_passes(self, tmp_path: Path, found: str) -> None:
        file = "Inner.nested.template.json"
        write(tmp_path / file, group_of("Group"))
        template = parent(
            TemplateURL=file if found == "path" else {"Fn::Sub": "https://b.s3.${AWS::URLSuffix}/abc.json"}
        )
        if found == "asset":
            template["Resources"]["Inner"]["Metadata"] = {"aws:asset:path": file}
        if found == "hash":
            write(tmp_path / "Outer.assets.json", {"files": {"abc": {"source": {"path": file}}}})

        [item] = read_template(write(tmp_path / "Outer.template.json", template)).filters

        assert (item.key, item.log_group) == (Key("Outer.template.json/Inner", "F"), "/aws/eks/prod/cluster")

    def test_is_read_once(self, tmp_path: Path) -> None:
        write(tmp_path / "Inner.nested.template.json", group_of("Group"))
        write(tmp_path / "Outer.template.json", parent(TemplateURL="Inner.nested.template.json"))

        assert [item.key for item in read_template(tmp_path).filters] == [Key("Outer/Inner", "F")]

    def test_one_template_for_two_stacks(self, tmp_path: Path) -> None:
        write(tmp_path / "inner.yaml", group_of("Group"))
        template = parent(TemplateURL="inner.yaml")
        again = {"TemplateURL": "inner.yaml", "Parameters": {"Group": "g"}}
        template["Resources"]["Again"] = {"Type": "AWS::CloudFormation::Stack", "Properties": again}

        found = {item.template: item.log_group for item in read_template(write(tmp_path / "o.json", template)).filters}

        assert found == {"o.json/Inner": "/aws/eks/prod/cluster", "o.json/Again": "g"}

    def test_one_that_nests_itself_ends(self, tmp_path: Path) -> None:
        path = write(tmp_path / "o.json", parent(TemplateURL="o.json"))

        assert read_template(path).filters == ()
