"""Read: start-up, file → view, view step, prediction with its evidence, first slice of a series; each with its peer.

The peers are what an app of this kind usually does: import everything at the top, hand pydicom's array to Pillow as
PNG, hook pytorch-grad-cam into the network for each label, read a series with SimpleITK as one volume.
"""

from __future__ import annotations

import io
import itertools
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image as Pillow
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import JPEG2000Lossless

from core.domain import Explanation, Extent, Image, Series, Voi, WindowLevel
from core.io import Source, load_study
from core.ui.picture import jpeg_url, lay_heat, png_url, show
from core.ui.windows import window_choices
from tests import made
from tests.benchmarks.first_page import BARE_APP, EAGER_APP, first_page_s, made_app_s
from tests.benchmarks.measure import Figure, Work, interleaved, median_ratio, medians, say
from tests.known_models import NEGATIVE, POSITIVE, known_spec, write_known_model
from tests.serving import CHECKOUT

if TYPE_CHECKING:
    from torch import nn

LABELS = ("atelectasis", "effusion", "opacity", "pneumothorax")


def figures() -> list[Figure]:
    """Measure everything; some two minutes on two cores."""
    return [*start_up(), *view(), *evidence(), *first_slice()]


# ── Start-up ──────────────────────────────────────────────────────────────────────────────────────────────────────


def start_up(*, repetitions: int = 3) -> list[Figure]:
    """Measure from the start of the server's process to the first page."""
    say("  start-up")
    # Warmed up once, so that all read their files from the system's cache.
    turns: dict[str, list[float]] = {"app": [], "eager": [], "bare": []}
    for turn in range(repetitions + 1):
        times = {
            "app": first_page_s(CHECKOUT / "streamlit_app.py"),
            "eager": made_app_s(EAGER_APP),
            "bare": made_app_s(BARE_APP),
        }
        for name, seconds in times.items():
            turns[name] += [seconds] if turn else []
    median = medians(turns)
    return [
        Figure("start_first_page_s", median["app"], "server start → first page", target=2),
        Figure("start_eager_peer_s", median["eager"], "peer: an app that imports all libraries at its top"),
        Figure("start_bare_peer_s", median["bare"], "peer: an app that imports nothing but Streamlit"),
        Figure("start_over_eager_peer", median_ratio(turns, "app", "eager"), "Lightbox by the eager app", target=1),
    ]


# ── View ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def view(*, size: int = 2048, repetitions: int = 9) -> list[Figure]:
    """Measure a radiograph of size²: from the file's bytes to the encoded view, and one step of its window."""
    say("  view")
    plain, compressed = radiographs(size)
    image = opened(plain).frames[0].load()
    heat = Explanation("opacity", "CAM", np.eye(7, dtype=np.float32), Extent(0, 0, size, size), "evidence")
    centres = itertools.cycle(range(1000, 3000, 10))
    times = interleaved(
        {
            "view": lambda: first_view(plain),
            "view_peer": lambda: usual_view(plain),
            "jpeg2000": lambda: first_view(compressed),
            "jpeg2000_peer": lambda: usual_view(compressed),
            "step": lambda: step(image, next(centres)),
            "heat_step": lambda: heat_step(image, next(centres), heat),
            "step_peer": lambda: usual_step(image.pixels, next(centres)),
        },
        repetitions=repetitions,
    )
    ms = {name: 1000 * seconds for name, seconds in medians(times).items()}
    return [
        Figure(f"view_{size}_ms", ms["view"], f"file → view, radiograph of {size}², uncompressed"),
        Figure(f"view_usual_{size}_ms", ms["view_peer"], "peer: pydicom → VOI LUT → PNG by Pillow"),
        Figure(f"view_jpeg2000_{size}_ms", ms["jpeg2000"], "file → view, JPEG 2000"),
        Figure(f"view_usual_jpeg2000_{size}_ms", ms["jpeg2000_peer"], "peer: the same as above"),
        Figure(f"view_step_{size}_ms", ms["step"], "a step of the window → view", target=150),
        Figure(f"view_step_heat_{size}_ms", ms["heat_step"], "a step of the window → view and heatmap", target=150),
        Figure(f"view_step_usual_{size}_ms", ms["step_peer"], "peer: window in NumPy → PNG by Pillow"),
        Figure("view_step_over_usual", median_ratio(times, "step", "step_peer"), "step by the usual step", target=1),
    ]


def radiographs(size: int) -> tuple[bytes, bytes]:
    """Return one radiograph twice: uncompressed, and as JPEG 2000 without loss."""
    plain = made.radiograph(size, WindowCenter=1800, WindowWidth=3000)
    dataset = pydicom.dcmread(io.BytesIO(plain))
    dataset.compress(JPEG2000Lossless, generate_instance_uid=False)
    return plain, made.written(dataset)


def opened(*contents: bytes) -> Series:
    """Return the series of an upload of these files."""
    study = load_study([Source(f"{number}.dcm", content) for number, content in enumerate(contents)])
    return study.series[0]


def first_view(*contents: bytes) -> str:
    """Do what the page does with an upload until its first picture can be sent."""
    series = opened(*contents)
    image = series.frames[len(series.frames) // 2].load()
    return shown(image, next(iter(window_choices(image, series.acquisition).values()))())


def shown(image: Image, voi: Voi) -> str:
    """Do what the page does to show an image through a window."""
    return png_url(show(image, voi, invert=False).picture)


def step(image: Image, centre: float) -> str:
    """Do what the page does when the window is moved."""
    return shown(image, WindowLevel(centre, 2000))


def heat_step(image: Image, centre: float, heat: Explanation) -> tuple[str, str]:
    """Do what the page does when the window is moved while a heatmap lies over the second picture."""
    picture = show(image, WindowLevel(centre, 2000), invert=False)
    return png_url(picture.picture), jpeg_url(lay_heat(picture, heat, opacity=0.6))


def usual_view(content: bytes) -> bytes:
    """Show a file in the way of most tutorials: pydicom's array through its LUTs, stretched to 8 bits, as PNG."""
    dataset = pydicom.dcmread(io.BytesIO(content))
    values = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset).astype(float)
    return usual_png((values - values.min()) / (values.max() - values.min()))


def usual_step(pixels: NDArray[np.integer], centre: float) -> bytes:
    """Move the window in the way of most tutorials."""
    return usual_png(np.clip((pixels.astype(float) - centre) / 2000 + 0.5, 0, 1))


def usual_png(values: NDArray[np.floating]) -> bytes:
    """Encode 0–1 as an 8-bit PNG with Pillow's defaults."""
    stream = io.BytesIO()
    Pillow.fromarray((values * 255).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


# ── Prediction and evidence ───────────────────────────────────────────────────────────────────────────────────────


def evidence(*, repetitions: int = 15, warm_up: int = 3) -> list[Figure]:
    """Measure prediction with CAM for all labels against plain forward passes and pytorch-grad-cam."""
    say("  prediction and evidence")
    with tempfile.TemporaryDirectory() as folder:
        times = interleaved(_evidence_candidates(Path(folder)), repetitions=repetitions, warm_up=warm_up)
    ms = {name: 1000 * seconds for name, seconds in medians(times).items()}
    count = len(LABELS)
    return [
        Figure("forward_ms", ms["forward"], "plain forward pass of the engine, MobileNetV2 at 224²"),
        Figure("cam_all_labels_ms", ms["cam"], f"prediction and CAM for all {count} labels"),
        Figure(
            "cam_all_labels_over_forward",
            median_ratio(times, "cam", "forward"),
            "the same by the plain forward pass of the engine",
            target=1.1,
        ),
        Figure("torchvision_forward_ms", ms["usual"], "peer: plain forward pass of torchvision's network"),
        Figure("grad_cam_package_ms", ms["package"], "peer: pytorch-grad-cam, hooked, one label"),
        Figure(
            "grad_cam_package_over_forward",
            median_ratio(times, "package", "usual"),
            "one label by torchvision's plain forward pass",
        ),
        Figure(
            "grad_cam_package_all_labels_over_forward",
            median_ratio(times, "package_all", "usual"),
            f"all {count} labels, one after the other, by torchvision's plain forward pass",
        ),
        Figure(
            "cam_all_labels_over_grad_cam_package",
            median_ratio(times, "cam", "package_all"),
            f"all {count} labels here by all {count} in pytorch-grad-cam",
            target=1,
        ),
    ]


def _evidence_candidates(root: Path) -> dict[str, Work]:
    import torch
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    from core.explain import explain_all
    from core.models.predict import load_engine, prediction_from
    from core.models.preprocessing import to_tensor

    spec = known_spec("made-chest", LABELS, modality="DX", body_part="CHEST")
    spec = write_known_model(root, spec, {label: POSITIVE if label == "opacity" else NEGATIVE for label in LABELS})
    engine = load_engine(spec, root=root)
    image = opened(made.radiograph(512)).frames[0].load()
    usual = _torchvision_network(engine.network.state_dict()).to(engine.device)
    network = _torchvision_network(engine.network.state_dict()).to(engine.device)
    hooked = GradCAM(network, [network.features[-1]])

    def cam() -> object:
        with engine.exclusive():
            forward = engine.run(image)
            explanations = explain_all(engine, forward)
        return prediction_from(engine, forward, image_uid=image.uid), explanations

    def prepared() -> torch.Tensor:
        return to_tensor(image, spec.input).tensor[None].to(engine.device)

    def usual_forward() -> object:
        with torch.inference_mode():
            return usual(prepared()).cpu()

    def package(*indices: int) -> list[object]:
        tensor = prepared()
        return [hooked(tensor, [ClassifierOutputTarget(index)]) for index in indices]

    return {
        "forward": lambda: engine.run(image),
        "cam": cam,
        "usual": usual_forward,
        "package": lambda: package(2),
        "package_all": lambda: package(*range(len(LABELS))),
    }


def _torchvision_network(state: Mapping[str, object]) -> nn.Module:
    import torchvision

    network = torchvision.models.mobilenet_v2(weights=None, num_classes=len(LABELS))
    network.load_state_dict(state)
    return network.eval()


# ── A series ──────────────────────────────────────────────────────────────────────────────────────────────────────


def first_slice(*, slices: int = 300, size: int = 512, repetitions: int = 5) -> list[Figure]:
    """Measure from the bytes of a CT series to its first slice on screen, and SimpleITK reading all of it."""
    say("  first slice of a series")
    contents = made.ct_series(slices, size)
    with _on_disk(contents) as folder:
        times = interleaved(
            {"first_slice": lambda: first_view(*contents), "simpleitk": lambda: read_with_simpleitk(folder)},
            repetitions=repetitions,
        )
    ms = {name: 1000 * seconds for name, seconds in medians(times).items()}
    what = f"{slices} slices of {size}²"
    return [
        Figure(f"first_slice_{slices}_ms", ms["first_slice"], f"files → series → first view, CT of {what}"),
        Figure("simpleitk_whole_series_ms", ms["simpleitk"], f"peer: SimpleITK reads the {what} from a folder"),
        Figure(
            "first_slice_over_simpleitk",
            median_ratio(times, "first_slice", "simpleitk"),
            "first view by SimpleITK's whole series",
            target=1,
        ),
    ]


@contextmanager
def _on_disk(contents: list[bytes]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        for number, content in enumerate(contents):
            Path(folder, f"{number:03}.dcm").write_bytes(content)
        yield Path(folder)


def read_with_simpleitk(folder: Path) -> object:
    """Read a folder as one volume."""
    import SimpleITK

    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()
