"""Files that are told by their first bytes: archives, which are refused with what to do, and encodings."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from eks_audit_constructs.errors import LogError

__all__ = ["encoding_of", "refuse_archive"]

_ARCHIVES = (
    (0, rb"PK(\x03\x04|\x05\x06|\x07\x08)", "a zip archive", "Unpack it with unzip, and name the folder"),
    (257, rb"ustar", "a tar archive", "Unpack it with tar -xf, and name the folder"),
    (0, rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", "compressed with bzip2", "Decompress it with bunzip2"),
    (0, rb"\xfd7zXZ\x00", "compressed with xz", "Decompress it with unxz"),
    (0, rb"\x28\xb5\x2f\xfd", "compressed with zstd", "Decompress it with unzstd"),
    (0, rb"\x04\x22\x4d\x18", "compressed with lz4", "Decompress it with unlz4"),
    (0, rb"\xff\x06\x00\x00sNaPpY", "compressed with Snappy", "Have Firehose deliver GZIP, or decompress it"),
    (0, rb"7z\xbc\xaf\x27\x1c", "a 7z archive", "Unpack it with 7z x, and name the folder"),
    (0, rb"Rar!\x1a\x07", "a rar archive", "Unpack it, and name the folder"),
    (0, rb"\x1f[\x9d\xa0]", "compressed with compress", "Decompress it with uncompress"),
    (0, rb"PAR1\x15", "a Parquet file", "Have Firehose deliver JSON, or query it with Athena"),
    (0, rb"Obj\x01", "an Avro file", "Convert it to JSON lines"),
)
"""Where the bytes are, what they are, and what to do. gzip is read, whatever the file's name."""
_ENCODINGS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ASCII = rb"[\t\r\n -~]"
_UTF16_LE = re.compile(rb"(%b\x00){4}" % _ASCII)
_UTF16_BE = re.compile(rb"(\x00%b){4}" % _ASCII)


def refuse_archive(name: str, head: bytes) -> None:
    """Refuse a file that is an archive, or compressed with anything but gzip.

    Args:
        name: The file, as the user gave it.
        head: Its first bytes.

    Raises:
        LogError: It is one.
    """
    for start, magic, kind, way_out in _ARCHIVES:
        if re.match(magic, head[start:]):
            raise LogError(name, value=Path(name).name, limit=f"the file is {kind}, which is not read", way_out=way_out)


def encoding_of(head: bytes) -> str | None:
    """Return the encoding of a text in UTF-16 or UTF-32, as PowerShell writes it; None for any other."""
    for mark, encoding in _ENCODINGS:
        if head.startswith(mark):
            return encoding
    if _UTF16_LE.match(head):
        return "utf-16-le"
    return "utf-16-be" if _UTF16_BE.match(head) else None
