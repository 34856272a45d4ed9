"""The card of an imported model: what was said of it, and, plainly, what is not known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core.domain import InputSpec, ModelSpec

NOT_SAID = "not said: images of any kind are accepted without a warning"


def write_card(spec: ModelSpec, *, assumed: Sequence[str], notes: Sequence[str], checkpoint_sha256: str) -> str:
    """Return the text of `card.md` for a model of which only a checkpoint and a few words came.

    Parameters
    ----------
    spec : ModelSpec
    assumed : sequence of str
        Sentences on what nobody said.
    notes : sequence of str
        Sentences on what was done to the checkpoint.
    checkpoint_sha256 : str
    """
    sections = (
        [f"# {spec.title}", f"**Not for diagnostic use.** {spec.intended_use.summary}"],
        ["## Intended use", *_intended_use(spec)],
        ["## Not for", spec.intended_use.not_for],
        ["## What is not known", _bullets(_unknown(spec))],
        ["## What was assumed", *_assumed(assumed)],
        ["## What the network is given", input_in_words(spec.input)],
        ["## What it answers", *_answers(spec)],
        ["## Where it comes from", *_origin(spec, notes, checkpoint_sha256)],
        ["## Licence and citation", _bullets(_licence(spec))],
    )
    return "\n\n".join(paragraph for section in sections for paragraph in section) + "\n"


def input_in_words(spec: InputSpec) -> str:
    """Describe how an image is prepared, in one paragraph."""
    rows, columns = spec.size
    ways = {
        "pad": "made to fit with its proportions kept, black bars beside it",
        "squash": "stretched to fit",
        "crop": "made to fit with its proportions kept, the ends of its longer side left out",
    }
    ranges = {
        "full": "the range that the stored bits can hold",
        "percentile": f"the range between the percentiles {spec.percentiles[0]:g} and {spec.percentiles[1]:g} of the "
        "image itself",
        "window": "a fixed window"
        + (f" (centre {spec.window.center:g}, width {spec.window.width:g})" if spec.window else ""),
    }
    colour = "in colour; gray images are repeated in all channels" if spec.colour else "gray"
    mean, std = (", ".join(f"{number:.6g}" for number in numbers) for numbers in (spec.mean, spec.std))
    return (
        f"{rows} × {columns} pixels, {colour}. A picture of another shape is {ways[spec.resize]}. Brightness: "
        f"{ranges[spec.intensity_range]} becomes 0 to 1; then {mean} is subtracted and the rest divided by {std}."
    )


def _intended_use(spec: ModelSpec) -> list[str]:
    use = spec.intended_use
    rows = (("Modality", use.modalities), ("Body part", use.body_parts))
    lines = [f"| {name} | {', '.join(values) or NOT_SAID} |" for name, values in rows]
    return [use.summary, "\n".join(["| | accepted |", "| --- | --- |", *lines])]


def _unknown(spec: ModelSpec) -> list[str]:
    return [
        "On which images it was trained: how many, of whom, where and how they were made, who named their findings.",
        "How often it is right: no figure was measured here or came with it. Run it on labelled images of your own "
        "before you look at its scores.",
        "For whom it is worse: by age, sex, scanner, hospital.",
        "Its failures.",
        "Whether an image is of the kind that it was trained on: it cannot tell that from the pixels.",
        f"Calibration: nothing was fitted, so its scores, though between 0 and 1 ({spec.calibration.activation}), are "
        "not probabilities.",
        "Operating points: there are none, so no label is called positive or negative.",
    ]


def _assumed(sentences: Sequence[str]) -> list[str]:
    if not sentences:
        return ["Nothing: whoever imported it said everything that it needs."]
    return [
        "Nobody said the following; what is customary was taken. Where it differs from how the model was trained, its "
        "scores are wrong without looking wrong. Import it again with the right options, or correct `model.toml`.",
        _bullets(sentences),
    ]


def _answers(spec: ModelSpec) -> list[str]:
    rows = [f"| {label.name} | {'a finding' if label.is_finding else 'no finding'} |" for label in spec.labels]
    together = "They exclude each other." if spec.calibration.activation == "softmax" else "Each stands for itself."
    return ["\n".join(["| label | meaning |", "| --- | --- |", *rows]), together]


def _origin(spec: ModelSpec, notes: Sequence[str], checkpoint_sha256: str) -> list[str]:
    text = (
        f"Architecture {spec.architecture} of torchvision; weights from a checkpoint with the SHA-256 "
        f"`{checkpoint_sha256}`, stored as float32 in `model.safetensors`."
    )
    return [text, _bullets(notes)] if notes else [text]


def _licence(spec: ModelSpec) -> list[str]:
    return [f"Licence: {spec.licence or 'not known'}.", f"Citation: {spec.citation or 'not known'}."]


def _bullets(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)
