from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from core.domain import Rejected
from core.errors import StudyError
from core.io.archive import ZipFolder, is_clutter, unpack
from core.io.content import Source
from core.io.limits import Budget, Limits, OverBudgetError

LIMITS = Limits()


def archive(files: Mapping[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return stream.getvalue()


def contents(content: bytes, limits: Limits = LIMITS) -> list[Source | Rejected]:
    return list(unpack(Source("upload.zip", content), limits=limits, budget=Budget(limits)))


def only_rejection(content: bytes, limits: Limits = LIMITS) -> Rejected:
    (entry,) = contents(content, limits)
    assert isinstance(entry, Rejected)
    return entry


def refusal(content: bytes, limits: Limits = LIMITS) -> str:
    with pytest.raises(StudyError) as caught:
        contents(content, limits)
    return caught.value.code


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_come_in_order_with_their_bytes(method: int) -> None:
    found = contents(archive({"b/2.dcm": b"two" * 999, "a/1.dcm": b"one", "folder/": b""}, method=method))
    assert [(entry.name, entry.content) for entry in found if isinstance(entry, Source)] == [
        ("b/2.dcm", b"two" * 999),
        ("a/1.dcm", b"one"),
    ]


def test_leftovers_of_operating_systems_are_passed_over() -> None:
    files = {"__MACOSX/._1.dcm": b"x", "a/.DS_Store": b"x", "a/Thumbs.db": b"x", "a/1.dcm": b"x"}
    content = archive(files)
    assert [entry.name for entry in contents(content)] == ["a/1.dcm"]
    told: list[int] = []
    assert len(list(unpack(Source("", content), limits=LIMITS, budget=Budget(LIMITS), announce=told.append))) == 1
    assert told == [1], "clutter is not counted either"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("..\\..\\windows\\system.ini", "windows/system.ini"),
        ("a/../../b.dcm", "a/b.dcm"),
        ("line\nbreak\x1b[31m.dcm", "linebreak[31m.dcm"),
    ],
)
def test_names_that_climb_are_only_words(name: str, expected: str) -> None:
    (entry,) = contents(archive({name: b"x"}))
    assert entry.name == expected


def test_encrypted_member_is_named_and_the_others_are_read() -> None:
    content = bytearray(archive({"secret.dcm": b"x" * 50, "open.dcm": b"y"}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    locked, readable = contents(bytes(content))
    assert isinstance(locked, Rejected)
    assert (locked.name, locked.code) == ("secret.dcm", "encrypted")
    assert isinstance(readable, Source)


def test_nested_archive_is_named() -> None:
    rejected = only_rejection(archive({"inner.zip": archive({"1.dcm": b"x"})}))
    assert rejected.code == "nested-archive"
    assert "Unpack" in rejected.hint


def test_office_document_is_named() -> None:
    with pytest.raises(StudyError, match="Office document"):
        contents(archive({"[Content_Types].xml": b"<", "word/media/image1.png": b"x"}))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_whose_output_cannot_be_bounded_are_refused(method: int) -> None:
    assert only_rejection(archive({"1.dcm": b"x"}, method=method)).code == "unsupported-archive"


class TestBombs:
    LIMITS = Limits(zip_ratio_floor_bytes=2**16, max_zip_ratio=100)

    def test_one_member(self) -> None:
        assert refusal(archive({"bomb": b"\0" * 2**22}), self.LIMITS) == "zip-bomb"

    def test_one_member_beside_much_noise(self) -> None:
        import random

        noise = random.Random(0).randbytes(2**16)
        rejected, kept = contents(archive({"bomb": b"\0" * 2**22, "noise": noise}), self.LIMITS)
        assert isinstance(rejected, Rejected)
        assert rejected.code == "zip-bomb"
        assert isinstance(kept, Source)

    def test_many_members(self) -> None:
        assert refusal(archive({str(number): b"\0" * 2**15 for number in range(99)}), self.LIMITS) == "zip-bomb"

    def test_black_pictures_are_no_bomb(self) -> None:
        (entry,) = contents(archive({"black.dcm": b"\0" * 2**22}))
        assert isinstance(entry, Source)

    def test_genuine_size_over_the_limit(self) -> None:
        content = archive({"big": b"x" * 5000}, method=zipfile.ZIP_STORED)
        assert only_rejection(content, Limits(max_file_bytes=4999)).code == "file-too-large"

    def test_claimed_size_is_refused_before_it_is_inflated(self) -> None:
        content = bytearray(archive({"big": b"x" * 5000}, method=zipfile.ZIP_STORED))
        entry = content.index(b"PK\x01\x02")
        content[entry + 24 : entry + 28] = (7000).to_bytes(4, "little")
        assert only_rejection(bytes(content), Limits(max_file_bytes=6000)).code == "file-too-large"

    def test_understated_size_does_not_come_through(self) -> None:
        content = bytearray(archive({"liar": b"\0" * 2**20}))
        entry = content.index(b"PK\x01\x02")
        content[entry + 24 : entry + 28] = (100).to_bytes(4, "little")
        assert only_rejection(bytes(content)).code == "damaged-archive"

    def test_more_members_than_allowed(self) -> None:
        content = archive({str(number): b"x" for number in range(6)})
        assert refusal(content, Limits(max_files=5)) == "too-many-files"
        assert len(contents(content, Limits(max_files=6))) == 6

    def test_budget_of_the_upload_ends_the_reading(self) -> None:
        content = archive({str(number): b"x" * 100 for number in range(6)}, method=zipfile.ZIP_STORED)
        with pytest.raises(OverBudgetError) as caught:
            contents(content, Limits(max_total_bytes=599))
        assert caught.value.code == "upload-too-large"

    def test_overlapping_members(self) -> None:
        content = bytearray(archive({"a": b"\0" * 9000, "b": b"\0" * 9000}))
        second = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 4)
        content[second + 42 : second + 46] = bytes(4)  # the second entry points at the first member
        found = contents(bytes(content))
        assert [entry.code for entry in found if isinstance(entry, Rejected)] == ["damaged-archive"]


class TestDamage:
    CONTENT = archive({"1.dcm": bytes(range(256)) * 40})

    @pytest.mark.parametrize("keep", [10, 60, len(CONTENT) - 10])
    def test_cut_short(self, keep: int) -> None:
        assert refusal(self.CONTENT[:keep]) == "damaged-archive"

    def test_changed_byte_is_noticed(self) -> None:
        content = bytearray(self.CONTENT)
        content[80] ^= 0xFF
        assert only_rejection(bytes(content)).code == "damaged-archive"

    def test_no_files(self) -> None:
        assert refusal(archive({})) == "empty-archive"
        assert refusal(archive({"folder/": b"", "__MACOSX/x": b"x"})) == "empty-archive"

    def test_errors_hold_no_names(self) -> None:
        content = bytearray(archive({"Doe^Jane.dcm": bytes(range(256)) * 40}))
        content[90] ^= 0xFF
        rejected = only_rejection(bytes(content))
        assert "Jane" not in rejected.message + rejected.hint


@pytest.mark.parametrize("name", [".DS_Store", "a/.hidden/b", "Thumbs.db", "a\\desktop.ini", "__MACOSX/b"])
def test_clutter(name: str) -> None:
    assert is_clutter(name)


@pytest.mark.parametrize("name", ["1.dcm", "a.b/c", "../x.dcm", "./x.dcm", "IM0001", "MACOSX/x"])
def test_no_clutter(name: str) -> None:
    assert not is_clutter(name)


# ── On disk ───────────────────────────────────────────────────────────────────────────────────────────────────────


def on_disk(folder: Path, content: bytes, limits: Limits = LIMITS) -> ZipFolder:
    file = folder / "upload.zip"
    file.write_bytes(content)
    return ZipFolder(file, limits=limits)


def test_an_archive_on_disk_is_read_member_by_member(tmp_path: Path) -> None:
    opened = on_disk(tmp_path, archive({"b/2.dcm": b"two", "a/1.dcm": b"one", "__MACOSX/._1": b"x", "folder/": b""}))
    assert opened.names == ("b/2.dcm", "a/1.dcm")
    assert [opened.read(name) for name in opened.names] == [b"two", b"one"]
    assert opened.checksum("a/1.dcm") == (0x7A6C86F1, 3)  # CRC-32 of "one"
    with pytest.raises(KeyError):
        opened.read("__MACOSX/._1")
    opened.close()


def test_an_archive_on_disk_is_checked_as_an_upload_is(tmp_path: Path) -> None:
    bomb = archive({"zeros": bytes(80 * 2**20)})
    for content, code in ((bomb, "zip-bomb"), (b"PK\x03\x04 nothing", "damaged-archive")):
        with pytest.raises(StudyError) as caught:
            on_disk(tmp_path, content)
        assert caught.value.code == code
    small = Limits(max_file_bytes=2)
    with pytest.raises(StudyError) as caught:
        on_disk(tmp_path, archive({"a": b"one"}), small).read("a")
    assert caught.value.code == "file-too-large"
