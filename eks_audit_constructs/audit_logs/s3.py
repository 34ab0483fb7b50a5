"""Fetch logs from S3 into the cache: the objects below a prefix.

An object is fetched again only if its ETag or size has changed. This requires s3:ListBucket on the bucket, s3:GetObject
on the objects, and kms:Decrypt if they are encrypted with KMS.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eks_audit_constructs.audit_logs import cache
from eks_audit_constructs.audit_logs.log_files import Fetched, group_in
from eks_audit_constructs.aws import asking
from eks_audit_constructs.errors import LogError

__all__ = ["SCHEME", "fetch"]

SCHEME = "s3://"
_AT_ONCE = 8
_EXPORT_PROBE = "aws-logs-write-test"
"""An object without events that every export task leaves in its bucket."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Object:
    key: str
    etag: str
    size: int
    path: Path
    """The file in the cache."""


def fetch(
    uri: str, client: Any, *, progress: Callable[[str, float], None], say: Callable[[str], None]
) -> list[Fetched]:
    """Fetch the objects whose keys begin with the prefix in the URI, as files in the order of their keys.

    Args:
        uri: `s3://bucket/prefix`.
        client: A boto3 client for S3.
        progress: Called with a description and the fraction that is done, 0 to 1.
        say: Called with each skipped object, and with a summary of what was fetched.

    Raises:
        LogError: There is no such object.
        AwsError: S3 did not answer. Objects fetched until then stay in the cache.
    """
    bucket, _, prefix = uri.removeprefix(SCHEME).partition("/")
    if not bucket:
        raise _refusal(uri, "the URI names no bucket", "Write s3://bucket/prefix")
    objects = []
    for item in _listed(uri, bucket, prefix, client):
        if item.key.rsplit("/", 1)[-1] == _EXPORT_PROBE:
            say(f"{SCHEME}{bucket}/{item.key}: left out, the export task wrote it to test the bucket")
        else:
            objects.append(item)
    if not objects:
        raise _refusal(uri, "no object has this prefix", "List the bucket with aws s3 ls")
    missing = [item for item in objects if not item.path.exists()]
    total = sum(item.size for item in missing)
    done = 0
    counting = threading.Lock()

    def received(size: int) -> None:
        nonlocal done
        with counting:
            done += size
            progress(f"Fetching {uri}", done / total)

    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        tasks = [pool.submit(_download, bucket, item, client, received) for item in missing]
        try:
            for task in as_completed(tasks):
                task.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    kept = len(objects) - len(missing)
    say(f"{uri}: fetched {len(missing):,} object(s), {total:,} bytes; {kept:,} were in the cache")
    return [Fetched(item.path, group_in(f"/{item.key}")) for item in objects]


def _listed(uri: str, bucket: str, prefix: str, client: Any) -> Iterator[_Object]:
    folder = cache.folder("s3", bucket)
    with asking(uri, permission="s3:ListBucket"):
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", []):
                key, etag, size = entry["Key"], entry["ETag"].strip('"'), entry["Size"]
                if size == 0:
                    continue  # the console creates one for each folder
                path = folder / cache.unique(etag, str(size), key, key.rsplit("/", 1)[-1])
                yield _Object(key=key, etag=etag, size=size, path=path)


def _download(bucket: str, item: _Object, client: Any, received: Callable[[int], None]) -> None:
    uri = f"{SCHEME}{bucket}/{item.key}"
    with cache.written(item.path) as file, asking(uri, permission="s3:GetObject"):
        answer = client.get_object(Bucket=bucket, Key=item.key, IfMatch=f'"{item.etag}"')
        for piece in answer["Body"].iter_chunks(1 << 20):
            file.write(piece)
            received(len(piece))


def _refusal(uri: str, limit: str, way_out: str) -> LogError:
    return LogError("logs", value=uri, limit=limit, way_out=f"{way_out}.")
