"""What each of several networks learns from, and who answers what for calibration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.models.ensemble import build_members
from core.training.folds import judges, material_of_members
from core.training.preparation import Prepared, prepare
from core.training.split import Part
from tests.core.training.films import labelled_folder
from tests.core.training.test_run import configuration


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("folds")
    labelled_folder(folder / "films")
    return folder


def prepared_in(folder: Path) -> Prepared:
    return prepare(configuration(folder, members=4, folds=True), progress=lambda _said: None)


def test_every_picture_but_those_of_the_test_part_is_left_out_by_one_network(folder: Path) -> None:
    config, prepared = configuration(folder, members=4, folds=True), prepared_in(folder)
    materials = material_of_members(config, prepared)
    known = np.flatnonzero(np.isin(prepared.division.part, (Part.TRAINING, Part.VALIDATION)))
    left_out = np.concatenate([material.validation for material in materials])
    assert sorted(left_out) == known.tolist()
    assert materials[0].validation.tolist() == prepared.division.of(Part.VALIDATION).tolist()
    for material in materials:
        assert sorted([*material.training, *material.validation]) == known.tolist()


def test_no_patient_is_on_both_sides(folder: Path) -> None:
    prepared = prepared_in(folder)
    group = prepared.division.group
    for material in material_of_members(configuration(folder, members=4, folds=True), prepared):
        assert not set(group[material.training]) & set(group[material.validation])


def test_without_folds_all_learn_from_the_same(folder: Path) -> None:
    config, prepared = configuration(folder, members=3), prepared_in(folder)
    assert material_of_members(config, prepared) == (prepared.material,) * 3


def test_a_network_judges_its_own_fold_alone(folder: Path) -> None:
    config, prepared = configuration(folder, members=4, folds=True), prepared_in(folder)
    network = build_members("small_cnn", labels=1, channels=1, members=4)
    materials = material_of_members(config, prepared)
    assert [(judge, material.validation.tolist()) for judge, material in judges(config, prepared, network)] == [
        (member, material.validation.tolist()) for member, material in zip(network.members, materials, strict=True)
    ]
    assert judges(replace(config, folds=False), prepared, network) == ((network, prepared.material),)
