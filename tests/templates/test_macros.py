"""Macros change templates when they are deployed, which is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eks_audit_constructs.replay import replay
from eks_audit_constructs.templates.template import read_template
from eks_audit_constructs.tuning import tune
from eks_audit_constructs.tuning.subjects import of_template
from tests.replay.builders import alarm, event, metric_filter, write_log

GET = '{ $.verb = "get" }'
SAID = "may change the template when it is deployed: it is read as it stands"


def written(folder: Path, name: str = "a", inner: Any = None, **sections: Any) -> Path:
    hits = metric_filter(GET)
    hits["Properties"] |= inner or {}
    path = folder / f"{name}.template.json"
    path.write_text(json.dumps({"Resources": {"F": hits, "A": alarm()}, **sections}))
    return path


@pytest.mark.parametrize(
    ("transform", "said"),
    [
        ("Explode", f"the macro Explode {SAID}"),
        (
            ["AWS::LanguageExtensions", "Explode", {"Name": "Count", "Parameters": {}}],
            f"the macros Count, Explode {SAID}",
        ),
        ("AWS::LanguageExtensions", None),
        (["AWS::Serverless-2016-10-31"], None),
        ([17, {"Name": None}, None, {}], None),
    ],
)
def test_a_macro_is_said(tmp_path: Path, transform: Any, said: str | None) -> None:
    path, log = written(tmp_path, Transform=transform), write_log(tmp_path, event("06:00:00", verb="get"))

    result = replay(path, [log])

    assert result.notes == ((said,) if said else ())
    assert result.filters[0].matched == 1, "it is read as it stands"
    assert tune(of_template(read_template(path)), [log]).notes == result.notes


def test_a_macro_within_a_resource(tmp_path: Path) -> None:
    inner = {"Fn::Transform": {"Name": "Tagger", "Parameters": {"Fn::Transform": "Deeper"}}}

    assert read_template(written(tmp_path, inner=inner)).notes == (f"the macros Deeper, Tagger {SAID}",)


def test_what_is_included_is_not_read(tmp_path: Path) -> None:
    path = written(tmp_path, Transform={"Name": "AWS::Include", "Parameters": {"Location": "s3://bucket/more.yaml"}})

    assert read_template(path).unread == (
        "what AWS::Include inserts in a.template.json is not here, so it is not read",
    )


def test_of_several_templates_it_is_said_once(tmp_path: Path) -> None:
    written(tmp_path, "a", Transform="Explode")
    written(tmp_path, "b", Transform="Explode")
    written(tmp_path, "c")

    assert read_template(tmp_path).notes == (f"the macro Explode of a, b {SAID}",)
