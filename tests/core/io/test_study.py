from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import numpy as np
import pytest

from core.domain import Intensity, Rejected, Study
from core.errors import StudyError
from core.io import Limits, Source, load_path, load_study
from core.io.limits import OverBudgetError
from tests import made

GRAY = np.arange(1200, dtype=np.uint16).reshape(30, 40)


def study(*contents: bytes, limits: Limits | None = None) -> Study:
    sources = [Source(f"file-{number}", content) for number, content in enumerate(contents, start=1)]
    return load_study(sources, limits=limits or Limits())


def only_rejection(content: bytes) -> Rejected:
    found = study(content)
    assert found.series == ()
    (rejected,) = found.rejected
    return rejected


class TestMixedUpload:
    def test_everything_is_sorted_or_named(self) -> None:
        found = study(
            *made.ct_series(5, 32),
            made.radiograph(32),
            made.png(GRAY),
            made.nifti(made.ball_volume(20)),
            made.report(),
            b"Dear colleague,",
        )
        assert [len(series.frames) for series in found.series] == [5, 1, 1, 20]
        assert [(rejected.name, rejected.code) for rejected in found.rejected] == [
            ("file-9", "not-an-image"),
            ("file-10", "not-a-medical-image"),
        ]
        assert not found.is_synthetic

    def test_zip_holds_the_same_as_its_files(self) -> None:
        files = {f"{number}.dcm": content for number, content in enumerate(made.ct_series(4, 32))}
        loose = load_study(Source(name, content) for name, content in files.items())
        packed = study(made.zipped(files))
        assert packed.sha256 == loose.sha256
        assert [frame.uid for frame in packed.series[0].frames] == [frame.uid for frame in loose.series[0].frames]

    def test_order_of_the_files_does_not_change_the_hash(self) -> None:
        files = made.ct_series(3, 32)
        assert study(*files).sha256 == study(*reversed(files)).sha256 != study(*files[:2]).sha256

    def test_gzipped_dicom(self) -> None:
        content = made.radiograph(32)
        assert study(gzip.compress(content)).series[0].uid == study(content).series[0].uid

    def test_gzipped_volume(self) -> None:
        content = gzip.decompress(made.nifti(made.ball_volume(20)))
        assert study(gzip.compress(content)).sha256 == study(content).sha256

    def test_name_does_not_decide(self) -> None:
        found = load_study([Source("scan.dcm", made.png(GRAY)), Source("notes.txt", made.radiograph(32))])
        assert {series.frames[0].load().intensity for series in found.series} == {Intensity.GRAY, Intensity.RADIOGRAPH}

    def test_copies_are_named(self) -> None:
        found = study(made.png(GRAY), made.png(GRAY))
        assert len(found.series) == 1
        assert [rejected.code for rejected in found.rejected] == ["duplicate-file"]

    def test_copies_of_dicom_are_shown_once(self) -> None:
        content = made.radiograph(32)
        (series,) = study(content, content).series
        assert len(series.frames) == 1

    def test_sources_keep_the_names_of_their_owner(self) -> None:
        inner = made.zipped({"a/1.png": made.png(GRAY), "note.txt": b"hello"})
        alone = load_study([Source("scans.zip", inner)])
        assert (alone.series[0].source, alone.rejected[0].name) == ("a/1.png", "note.txt")
        beside = load_study([Source("scans.zip", inner), Source("2.png", made.png(GRAY[:20]))])
        assert [series.source for series in beside.series] == ["scans.zip/a/1.png", "2.png"]

    def test_clutter_is_passed_over(self) -> None:
        found = load_study([Source("a/.DS_Store", b"x"), Source("a/1.png", made.png(GRAY))])
        assert found.rejected == ()
        assert len(found.series) == 1

    def test_progress_counts_the_files_of_archives(self) -> None:
        steps: list[tuple[int, int]] = []
        packed = made.zipped({"1.png": made.png(GRAY), "2.txt": b"x", "3.png": made.png(GRAY[:20])})
        sources = [Source("", made.png(GRAY[:25])), Source("", packed), Source("", b"")]
        load_study(sources, progress=lambda done, total: steps.append((done, total)))
        assert steps == [(1, 3), (2, 5), (3, 5), (4, 5), (5, 5)]


class TestRefusal:
    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (b"", "empty-file"),
            (b"Impression: no acute disease.", "not-a-medical-image"),
            (np.random.default_rng(0).bytes(4000), "not-a-medical-image"),
            (made.report(), "not-an-image"),
            (made.png(np.zeros((1, 1), np.uint8)), "image-too-small"),
            (made.zipped({}), "empty-archive"),
            (made.zipped({"inner.zip": made.zipped({"a": b"b"})}), "nested-archive"),
            (gzip.compress(made.zipped({"a": b"b"})), "nested-archive"),
            (gzip.compress(gzip.compress(b"x")), "nested-archive"),
            (gzip.compress(b""), "empty-file"),
            (b"PK\x03\x04 broken", "damaged-archive"),
            (b"\x1f\x8b\x08 broken", "damaged-archive"),
            (b"\x89PNG\r\n\x1a\n", "damaged-picture"),
            (b"%PDF-1.7", "not-a-medical-image"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_one_bad_file(self, content: bytes, code: str) -> None:
        rejected = only_rejection(content)
        assert rejected.code == code
        assert rejected.message.endswith(".")
        assert "file-1" not in rejected.message + rejected.hint

    def test_a_bad_file_does_not_keep_the_others_from_being_read(self) -> None:
        found = study(b"", made.png(GRAY), b"text", made.zipped({"bad": b"", "good": made.radiograph(32)}))
        assert len(found.series) == 2
        assert len(found.rejected) == 3

    def test_nothing_at_all(self) -> None:
        with pytest.raises(StudyError) as caught:
            load_study([])
        assert caught.value.code == "no-files"

    def test_nothing_but_clutter(self) -> None:
        with pytest.raises(StudyError) as caught:
            load_study([Source(".DS_Store", b"x"), Source("Thumbs.db", b"y")])
        assert caught.value.code == "no-files"

    def test_file_over_the_limit(self) -> None:
        found = study(made.png(GRAY), made.radiograph(64), limits=Limits(max_file_bytes=4000))
        assert [rejected.code for rejected in found.rejected] == ["file-too-large"]
        assert len(found.series) == 1

    @pytest.mark.parametrize(
        ("limits", "code"), [(Limits(max_files=2), "too-many-files"), (Limits(max_total_bytes=50), "upload-too-large")]
    )
    def test_part_of_an_upload_never_passes_for_the_whole(self, limits: Limits, code: str) -> None:
        with pytest.raises(OverBudgetError) as caught:
            study(b"x" * 20, b"y" * 20, b"z" * 20, limits=limits)
        assert caught.value.code == code

    def test_gzip_is_charged_for_what_it_holds(self) -> None:
        with pytest.raises(OverBudgetError):
            study(gzip.compress(made.png(GRAY) + b"\0" * 10_000), limits=Limits(max_total_bytes=9_999))

    def test_gzip_without_a_picture_is_refused_before_it_is_inflated(self) -> None:
        found = study(gzip.compress(b"\0" * 10_000), limits=Limits(max_total_bytes=9_999))
        assert [rejected.code for rejected in found.rejected] == ["not-a-medical-image"]

    def test_different_rejected_uploads_are_different_studies(self) -> None:
        assert study(b"one").sha256 != study(b"two").sha256


class TestPath:
    def test_file(self, tmp_path: Path) -> None:
        path = tmp_path / ".scan"
        path.write_bytes(made.png(GRAY))
        assert load_path(path).series[0].source == ".scan"

    def test_folder_is_read_with_its_subfolders_in_order(self, tmp_path: Path) -> None:
        for name, height in (("b/2.png", 25), ("a/1.png", 20), ("c.png", 30)):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(made.png(GRAY[:height]))
        (tmp_path / ".git").mkdir()
        (tmp_path / ".git" / "1.png").write_bytes(made.png(GRAY))
        found = load_path(tmp_path)
        assert [series.source for series in found.series] == ["a/1.png", "b/2.png", "c.png"]

    def test_folder_with_an_archive(self, tmp_path: Path) -> None:
        (tmp_path / "a.zip").write_bytes(made.zipped({"1.png": made.png(GRAY)}))
        (tmp_path / "b.png").write_bytes(made.png(GRAY[:20]))
        assert [series.source for series in load_path(tmp_path).series] == ["a.zip/1.png", "b.png"]

    def test_archive(self, tmp_path: Path) -> None:
        path = tmp_path / "scans.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("../../1.png", made.png(GRAY))
        assert load_path(path).series[0].source == "1.png"
        assert list(tmp_path.iterdir()) == [path]

    def test_loop_of_links(self, tmp_path: Path) -> None:
        (tmp_path / "1.png").write_bytes(made.png(GRAY))
        (tmp_path / "loop").symlink_to(tmp_path)
        assert len(load_path(tmp_path).series) == 1

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(StudyError) as caught:
            load_path(tmp_path / "Doe^Jane")
        assert caught.value.code == "not-found"
        assert "Jane" not in str(caught.value)

    def test_empty_folder(self, tmp_path: Path) -> None:
        with pytest.raises(StudyError) as caught:
            load_path(tmp_path)
        assert caught.value.code == "no-files"

    def test_file_over_the_limit_is_not_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "big"
        path.write_bytes(b"x" * 100)
        monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("read"))
        assert load_path(path, limits=Limits(max_file_bytes=99)).rejected[0].code == "file-too-large"

    def test_unreadable_file_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(path: Path) -> bytes:
            raise PermissionError(path)

        (tmp_path / "1.png").write_bytes(made.png(GRAY))
        monkeypatch.setattr(Path, "read_bytes", refuse)
        (rejected,) = load_path(tmp_path).rejected
        assert (rejected.name, rejected.code) == ("1.png", "unreadable")


class TestRealStudies:
    def test_tilted_head_in_files_and_as_zip(self, shared_data: Path) -> None:
        folder = shared_data / "dicom" / "ct_head_tilted"
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
        found = load_path(folder)
        assert [len(series.frames) for series in found.series] == [28]
        assert study(made.zipped(files)).sha256 == found.sha256

    def test_child_saved_as_jpeg(self, shared_data: Path) -> None:
        path = min((shared_data / "data" / "chest_xray_pediatric" / "NORMAL").iterdir())
        picture = load_path(path).series[0].frames[0].load()
        assert picture.intensity is Intensity.GRAY
        assert picture.spacing is None
