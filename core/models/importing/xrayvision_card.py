"""The card of a model of torchxrayvision: what its authors published, and what that does not say."""

from __future__ import annotations

from collections.abc import Sequence

from core.domain import ModelSpec
from core.models.importing.card import input_in_words

SCORES = (
    "**Scores are not probabilities.** For each label the sigmoid of the network is stretched so that its operating "
    "point becomes 0.5: below it score = s / 2t, from it on score = 1 − (1 − s) / 2(1 − t), where s is the sigmoid and "
    "t the operating point, which is far below one half for every label. A score of 0.9 says that s is far above "
    "t, not that nine of ten such patients have the finding; scores of two labels cannot be compared with each other."
)
OPERATING_POINTS = (
    "Each label is called positive from 0.5 on. The points were set by the authors where sensitivity plus specificity "
    "is largest on validation images of the data sets above; sensitivity and specificity there were not published, nor "
    "how many images there were, nor how far they were apart from those of training. Such a point weighs a missed case "
    "and a false alarm alike, however rare the finding: where it is rare, most positive calls are wrong. Users of the "
    "weights “all” report many false positives on MIMIC-CXR (https://github.com/mlmed/torchxrayvision/issues/175)."
)
PPV_80 = (
    "Labels carry a second point, “ppv-80”, from which on four of five positive calls were right there; with another "
    "share of diseased patients it is another."
)
DIFFERENCES = (
    "Of a picture in colour the luminance is taken; the package takes the first channel or the mean. They are the same "
    "for gray pictures.",
    "Pictures are made smaller as the package’s networks do it themselves (bilinear, with a filter against aliasing). "
    "Its separate XRayResizer uses another filter and darkens or lightens the outermost pixels.",
    "Padding (Pixel Padding Value) becomes black before anything is made smaller; the package does not know it.",
)
UNKNOWN = (
    "Accuracy here: no figure of it was measured with this copy.",
    "Accuracy by age, sex, scanner and hospital. Models trained on some of these data missed more findings in young, "
    "female, Black and Hispanic patients (Seyyed-Kalantari et al., Nature Medicine 27, 2021).",
    "Whether an image is of the kind that it was trained on: only the header can tell, not the pixels.",
    "What the labels mean exactly: most were taken from reports by software, whose errors the network has learnt too; "
    "the data sets do not use them alike.",
)


def write_card(spec: ModelSpec, data: str, *, untrained: int, remarks: Sequence[str]) -> str:
    """Return the text of `card.md`.

    Parameters
    ----------
    spec : ModelSpec
    data : str
        The data sets that the weights were trained on.
    untrained : int
        How many outputs were left out.
    remarks : sequence of str
        Sentences on this copy of the weights.
    """
    use = spec.intended_use
    sections = (
        [f"# {spec.title}", f"**Not for diagnostic use.** {use.summary}"],
        ["## Intended use", _intended_use(spec)],
        ["## Not for", use.not_for],
        ["## Data", f"Trained by the authors of torchxrayvision on {data}."],
        ["## What the network is given", input_in_words(spec.input), *_input_notes()],
        ["## What it answers", SCORES, *_labels(spec, untrained)],
        ["## Operating points", OPERATING_POINTS, *_second_points(spec)],
        ["## What is not known", _bullets(UNKNOWN)],
        ["## Where it comes from", _bullets(remarks)],
        ["## Licence and citation", _bullets([f"Licence: {spec.licence}.", f"Citation: {spec.citation}"])],
    )
    return "\n\n".join(paragraph for section in sections for paragraph in section) + "\n"


def _intended_use(spec: ModelSpec) -> str:
    use = spec.intended_use
    rows = {
        "Modality": ", ".join(use.modalities),
        "Body part": ", ".join(use.body_parts),
        "View": ", ".join(use.view_positions),
        "Age": f"from {use.min_age_years:g} years",
    }
    return "\n".join(["| | accepted |", "| --- | --- |", *(f"| {name} | {text} |" for name, text in rows.items())])


def _input_notes() -> list[str]:
    return [
        "That is the package’s own: −1024 for 0 to 1024 for the largest stored value, and the middle square. "
        "Differences:",
        _bullets(DIFFERENCES),
    ]


def _labels(spec: ModelSpec, untrained: int) -> list[str]:
    rows = [
        f"| {label.name} | {threshold:.6g} |"
        for label, threshold in zip(spec.labels, spec.calibration.thresholds, strict=True)
    ]
    table = "\n".join(["| label | operating point t of the sigmoid |", "| --- | --- |", *rows])
    if not untrained:
        return [table]
    left_out = (
        f"{untrained} of the network’s outputs were never trained and are left out; the package shows 0.5 for them, "
        "which means nothing."
    )
    return [table, left_out]


def _second_points(spec: ModelSpec) -> list[str]:
    return [PPV_80] if any(len(label.operating_points) > 1 for label in spec.labels) else []


def _bullets(items: Sequence[str]) -> str:
    return "\n".join(f"- {item}" for item in items)
