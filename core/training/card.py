"""The model card: what a radiologist and an engineer need to know before they trust a score."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.domain import Calibration, Estimate, IntendedUse, ModelSpec, OperatingPoint
from core.models.metrics import ALL_LABELS
from core.models.suitability import unknown_age_rule
from core.training.config import TrainingConfig
from core.training.dataset import Example
from core.training.label_table import count_subgroups
from core.training.loop import Fitted
from core.training.markdown import format_estimate, format_table
from core.training.measure import Measured
from core.training.preparation import NOTHING, Prepared
from core.training.split import Division, Part
from core.training.training_card import how_trained

FIGURES = {
    "auroc": "AUROC (interval: DeLong)",
    "auroc_by_patient": "AUROC (interval: resampling of patients)",
    "accuracy": "Accuracy at the default operating point",
    "sensitivity": "Sensitivity at the default operating point",
    "specificity": "Specificity at the default operating point",
    "expected_calibration_error": "Expected calibration error, 15 bins",
    "brier_score": "Brier score",
}
"""What the names in `model.toml` mean."""

TOGETHER = {
    "macro_auroc": "Macro AUROC, the mean over the labels (interval: resampling of patients)",
    "accuracy": "Accuracy: the highest score is that of the right label",
}
"""The same of figures of several labels."""

HOW_TRAINED = "How it was trained"
STRESSED = "Under changed conditions"


@dataclass(frozen=True, slots=True, eq=False)
class Account:
    """Everything that a run can say about itself."""

    config: TrainingConfig
    prepared: Prepared
    fitted: Fitted
    calibration: Calibration
    measured: tuple[Measured, ...]
    together: Mapping[str, Mapping[str, Estimate]]
    shortcuts: Mapping[str, Mapping[str, float]]
    on_folds: Mapping[str, Estimate] = field(default_factory=dict)

    @property
    def examples(self) -> tuple[Example, ...]:
        """The pictures that were read."""
        return self.prepared.pictures.examples

    @property
    def division(self) -> Division:
        """How they were divided."""
        return self.prepared.division


def write_card(spec: ModelSpec, account: Account) -> str:
    """Return the text of `card.md`."""
    sections = (
        [f"# {spec.title}", "**Not for diagnostic use.** " + spec.intended_use.summary],
        _section("Intended use", _intended_use(spec.intended_use)),
        _section("Not for", [spec.intended_use.not_for]),
        _section("Data", _data(account)),
        _section("What the files give away", _shortcuts(account)),
        _section("Results on the test part", _results(account)),
        _section(STRESSED, _stress(account)),
        _section("Operating points", _operating_points(spec)),
        _section("Calibration", _calibration(account.calibration)),
        _section("Known failures", _bullets(account.config.words.known_failures)),
        _section("Not measured", _bullets(account.config.words.not_measured)),
        _section(HOW_TRAINED, how_trained(account.config, account.fitted)),
        _section("History", _history(account)),
        _section("Reproduce", _reproduce(account.config)),
        _section("Licence and citation", _licence(spec, account.config)),
    )
    return "\n\n".join(paragraph for section in sections for paragraph in section if paragraph) + "\n"


def _section(title: str, paragraphs: Iterable[str]) -> list[str]:
    kept = [paragraph for paragraph in paragraphs if paragraph]
    return [f"## {title}", *kept] if kept else []


def keep_section(card: str, former: str, title: str) -> str:
    """Return a card with a section of a former one of the same model, in place of its own."""
    section = re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", flags=re.MULTILINE | re.DOTALL)
    known = section.search(former)
    return card if known is None else section.sub(lambda _own: known.group(), card)


def _bullets(items: Sequence[str]) -> list[str]:
    return ["\n".join(f"- {item}" for item in items)] if items else []


# ── Sections ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _intended_use(use: IntendedUse) -> list[str]:
    ages = f"{use.min_age_years or 0:g}–{use.max_age_years or np.inf:g} years".replace("inf", "∞")
    rows = {
        "Modality": ", ".join(use.modalities),
        "Body part": ", ".join(use.body_parts),
        "View": ", ".join(use.view_positions),
        "Age": "" if ages == "0–∞ years" else ages,
    }
    accepted = [(name, text or "any") for name, text in rows.items()]
    return [use.summary, format_table(("", "accepted"), accepted), unknown_age_rule(use)]


def _data(account: Account) -> list[str]:
    pictures = account.prepared.pictures
    colour = f"{pictures.coloured} pictures are in colour; their luminance was read." if pictures.coloured else ""
    return [
        account.config.words.data_source,
        format_table(("", *(part.name.lower() for part in Part)), _counts(account)),
        " ".join(filter(None, (account.prepared.outputs, colour))),
        _how_divided(account),
        *_subgroups(account),
    ]


def _counts(account: Account) -> list[tuple[str, ...]]:
    """Count images and patients of each label in each part, and of those that show none."""
    targets = account.prepared.material.targets
    rows = {label.folder: targets[:, index] == 1 for index, label in enumerate(account.prepared.labels)}
    nothing = targets.sum(axis=1) == 0
    if nothing.any():
        rows[account.config.absence or NOTHING] = nothing
    return [(name, *(_count(account, part, rows[name]) for part in Part)) for name in sorted(rows)]


def _count(account: Account, part: Part, shows: NDArray[np.bool_]) -> str:
    own = np.flatnonzero((account.division.part == part) & shows)
    patients = len({account.examples[index].patient for index in own})
    return f"{len(own)} images, {patients} patients"


def _subgroups(account: Account) -> list[str]:
    """Count the other columns of the table; nothing was measured on them."""
    rows = [
        (name, "; ".join(f"{value}: {n}" for value, n in counts.items()))
        for name, counts in count_subgroups(account.examples).items()
    ]
    return [format_table(("column of the table", "images"), rows)] if rows else []


def _how_divided(account: Account) -> str:
    reasons = Counter(one.reason for one in account.prepared.pictures.left_out)
    read = (
        "Left out: " + "; ".join(f"{count} files or slices ({reason})" for reason, count in reasons.items())
        if reasons
        else "Every file could be read."
    )
    how = _own_division(account) if account.division.given else _drawn_division(account)
    return f"{how}{_folds(account.config)} {read}"


def _folds(config: TrainingConfig) -> str:
    if not config.folds:
        return ""
    return (
        f" Training and validation together are {config.members} folds, of which validation is the first; each of the "
        f"{config.members} networks learnt from all folds but one, and that one it answered for calibration and "
        "operating points. None of them saw the test part."
    )


def _drawn_division(account: Account) -> str:
    split = account.config.split
    return (
        f"Divided at random (seed {account.config.seed}) by patient, which is {_patient(account)}, "
        f"{split.validation_share:.0%} of each class for validation and {split.test_share:.0%} for test; no patient is "
        f"in two parts. {len(account.division.joined)} pairs of near-identical pictures under different patients "
        f"(perceptual hash, confirmed by correlation) were kept in one part."
    )


def _own_division(account: Account) -> str:
    division, split = account.division, account.config.split
    own = ", ".join(part.name.lower() for part in sorted(division.given))
    shares = {Part.VALIDATION: split.validation_share, Part.TEST: split.test_share}
    drawn = "".join(
        f" {part.name.capitalize()} was drawn at random (seed {account.config.seed}) from training, {share:.0%} of the "
        f"patients of each class."
        for part, share in shares.items()
        if part not in division.given
    )
    held_out = division.given - {Part.TRAINING}
    between = sum(division.part[a] in held_out and division.part[b] in held_out for a, b in division.crossing)
    return (
        f"The division is the data set's own ({own}).{drawn} The patient is {_patient(account)}. "
        f"{len(division.crossing)} pairs of near-identical pictures (perceptual hash, confirmed by correlation) were "
        f"in two of those parts; {len(division.unused())} pictures of training were not trained on, because validation "
        f"or test hold a copy or the same patient"
        + (f"; {between} of the pairs are between validation and test and were left." if between else ".")
    )


def _patient(account: Account) -> str:
    config = account.config
    words = {
        "table": f"the column “{config.table.patient if config.table else ''}” of the table",
        "name": f"the file name's part that matches `{config.split.patient_pattern}`",
        "header": "who the file's header names",
        "file": "the file itself",
    }
    found = {one.patient_from for one in account.examples}
    return ", else ".join(text for source, text in words.items() if source in found)


def _shortcuts(account: Account) -> list[str]:
    labels = list(account.shortcuts)
    rows = [
        (feature, *(_area(account.shortcuts[label][feature]) for label in labels))
        for feature in account.shortcuts[labels[0]]
    ]
    return [
        "Figures that have nothing to do with anatomy, and how well each tells the classes in the training part "
        "(AUROC; 0.5 is not at all). A network that learns them fails on pictures of another origin. The "
        "augmentation of training draws framing, proportions, exposure, sharpness, resolution, compression and side "
        "markers at random to make them worthless; the section after the next shows how far that succeeded.",
        format_table(("feature", *(["AUROC"] if len(labels) == 1 else labels)), rows),
    ]


def _area(area: float) -> str:
    return "undefined" if np.isnan(area) else f"{area:.3f}"


def _results(account: Account) -> list[str]:
    paragraphs = [
        "No weight, calibration or threshold was fitted on the test part. 95 % intervals: DeLong for the AUROC, Wilson "
        "for shares, 300 resamplings of patients where named and for calibration. The files were read and prepared as "
        "for a user."
    ]
    for owner, figures in account.together.items():
        rows = [(TOGETHER[name], format_estimate(estimate)) for name, estimate in figures.items()]
        paragraphs.append(format_table((_cases_in_words(account, owner), "value (95 % interval)"), rows))
    for one in account.measured:
        rows = [(FIGURES[name], format_estimate(estimate)) for name, estimate in one.figures.items()]
        head = (f"{one.label.name}: {one.positives} with, {one.negatives} without", "value (95 % interval)")
        paragraphs.append(format_table(head, rows))
    return [*paragraphs, *_on_folds(account.on_folds)]


def _on_folds(areas: Mapping[str, Estimate]) -> list[str]:
    if not areas:
        return []
    return [
        "Training and validation, each image answered as it is by the one network that had not learnt from it. The "
        "networks together are better than one of them, so this is a cautious figure, and of many more images:",
        format_table(
            ("folds", "AUROC (95 % interval)"), [(name, format_estimate(area)) for name, area in areas.items()]
        ),
    ]


def _cases_in_words(account: Account, owner: str) -> str:
    """Name the cases that figures of several labels are of."""
    measured = account.measured
    if owner == ALL_LABELS:
        return f"All labels together: {measured[0].positives + measured[0].negatives} images"
    findings = [one for one in measured if one.label.is_finding]
    return (
        f"Only images that show {' or '.join(one.label.name for one in findings)}: "
        f"{sum(one.positives for one in findings)} images"
    )


def _stress(account: Account) -> list[str]:
    if not any(one.by_condition for one in account.measured):
        return ["Not measured."]
    paragraphs = [
        "The test pictures once more, each changed as another hospital might have made it. Nothing was fitted on them."
    ]
    for one in account.measured:
        rows = [
            (name, f"{one.stress.area[i, i]:.4f}", f"{sensitivity.value:.3f}", f"{specificity.value:.3f}")
            for i, (name, (sensitivity, specificity)) in enumerate(one.by_condition.items())
        ]
        without, with_ = one.stress.worst_pair
        paragraphs += [
            format_table((one.label.name, "AUROC", "sensitivity", "specificity"), rows),
            f"All pairs of conditions (cases without the finding under one, with it under another): mean AUROC "
            f"{one.stress.mean:.4f}; worst {one.stress.worst:.4f}, without the finding “{without}”, with it “{with_}”.",
        ]
    return paragraphs


def _operating_points(spec: ModelSpec) -> list[str]:
    paragraphs = []
    for label in spec.labels:
        rows = [_operating_point(point, label.default_operating_point) for point in label.operating_points]
        head = (label.name, "set for", "threshold", "sensitivity there", "specificity there")
        origins = [f"{point.name}: set on {point.origin}." for point in label.operating_points]
        missing = f"{label.name}: validation holds too few cases to set one."
        paragraphs += [format_table(head, rows), *_bullets(origins)] if rows else [missing]
    return [*paragraphs, "Sensitivity and specificity of this table are those on the validation images as they are."]


def _operating_point(point: OperatingPoint, default: str) -> tuple[str, ...]:
    shares = [format_estimate(share) if share else "" for share in (point.sensitivity, point.specificity)]
    name = f"{point.name} (default)" if point.name == default else point.name
    return name, point.criterion, f"{point.threshold:.4f}", *shares


def _calibration(calibration: Calibration) -> list[str]:
    bias = ", ".join(f"{value:.4f}" for value in calibration.bias)
    formula = f"{calibration.activation}(output / {calibration.temperature:.4f}{f' + {bias}' if bias else ''})"
    return [
        f"Score = {formula}, fitted by {calibration.method} scaling on {calibration.origin}. A score is the share of "
        "diseased cases among such pictures *in a population with the same mixture of cases as the data above*; where "
        "the disease is rarer, the same score means a lower probability."
    ]


def _history(account: Account) -> list[str]:
    tries = account.config.words.history
    return [format_table(("try", "result"), [(one.configuration, one.result) for one in tries])] if tries else []


def _reproduce(config: TrainingConfig) -> list[str]:
    folder = f"weights/{config.id}"
    unlabelled = " --unlabelled UNLABELLED" if config.pretraining.folder else ""
    run = f"python -m core train FOLDER --config {folder}/training.toml --weights BACKBONE{unlabelled} --out {folder}"
    return [
        f"```\n{run}\n```",
        f"FOLDER holds the class folders, BACKBONE is the file of initial weights named above"
        f"{', UNLABELLED the pictures without labels' if unlabelled else ''}. Seed {config.seed}. "
        "Sums of floating-point numbers depend on the processor and the number of threads, so another machine gives "
        "slightly different weights; the division into parts is the same everywhere.",
        "The figures on the test part alone, from the weights as they are:",
        f"```\npython -m core measure FOLDER --model {config.id}\n```",
    ]


def _licence(spec: ModelSpec, config: TrainingConfig) -> list[str]:
    words = config.words
    rows = (
        ("This model", spec.licence),
        ("Data", words.data_licence),
        ("Citation of the data", words.data_citation),
        ("Citation", spec.citation),
    )
    return _bullets([f"{name}: {text}" for name, text in rows if text])
