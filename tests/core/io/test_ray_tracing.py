from __future__ import annotations

import numpy as np
import pytest

from core.io.ray_tracing import (
    FIELD_MM,
    SOURCE_TO_DETECTOR_MM,
    SOURCE_TO_PATIENT_MM,
    Ellipsoid,
    Rays,
    Tube,
    hull,
    overlap,
    paths_through,
)

MAGNIFICATION = SOURCE_TO_DETECTOR_MM / SOURCE_TO_PATIENT_MM


def marched(rays: Rays, body: Ellipsoid, row: int, column: int) -> float:
    """Return the path of one ray through a body, by walking along it in steps of 0.01 mm."""
    depth = np.arange(-200, 200, 0.01)
    x = rays.x[0, column] + depth * rays.dx[0, column]
    z = rays.z[row, 0] + depth * rays.dz[row, 0]
    turn = np.radians(body.tilt_deg)
    (cx, cy, cz), (a, b, c) = body.centre, body.half_axes
    along = np.cos(turn) * (x - cx) - np.sin(turn) * (z - cz)
    up = np.sin(turn) * (x - cx) + np.cos(turn) * (z - cz)
    inside = (along / a) ** 2 + ((-depth - cy) / b) ** 2 + (up / c) ** 2 < 1
    return float(inside.sum() * 0.01 * np.sqrt(1 + rays.dx[0, column] ** 2 + rays.dz[row, 0] ** 2))


@pytest.mark.parametrize(
    "body",
    [
        Ellipsoid((0, 0, 0), (50, 50, 50)),
        Ellipsoid((60, -40, -30), (70, 40, 20)),
        Ellipsoid((-50, 30, 60), (20, 60, 90), 35),
    ],
)
def test_paths_agree_with_walking_along_the_rays(body: Ellipsoid) -> None:
    rays = Rays(64)
    paths = rays.path(rays.through(body))
    rng = np.random.default_rng(0)
    for row, column in rng.integers(0, 64, (60, 2)):
        assert paths[row, column] == pytest.approx(marched(rays, body, row, column), abs=0.05)
    assert (paths > 0).any()


def test_the_middle_of_a_ball_is_its_diameter() -> None:
    rays = Rays(65)
    assert rays.path(rays.through(Ellipsoid((0, 0, 0), (50, 50, 50))))[32, 32] == pytest.approx(100, rel=1e-5)


def test_left_of_the_patient_is_on_the_right_and_the_head_on_top() -> None:
    rays = Rays(64)
    row, column = np.unravel_index(
        int(rays.path(rays.through(Ellipsoid((100, 0, 150), (20, 20, 20)))).argmax()), (64, 64)
    )
    assert row < 16
    assert column > 40


def test_body_beside_the_field_is_not_seen() -> None:
    rays = Rays(32)
    assert not rays.path(rays.through(Ellipsoid((500, 0, 0), (20, 20, 20)))).any()


def test_hull_and_overlap_of_two_balls_in_a_row() -> None:
    rays = Rays(33)
    front, back = Ellipsoid((0, -10, 0), (30, 30, 30)), Ellipsoid((0, 10, 0), (30, 30, 30))
    assert rays.path(hull(rays, (front, back)))[16, 16] == pytest.approx(80, rel=1e-4)
    assert rays.path(overlap(rays.through(front), rays.through(back)))[16, 16] == pytest.approx(40, rel=1e-4)
    assert rays.path(hull(rays, (front, back)))[0, 0] == 0


class TestTubes:
    POINTS = np.stack([np.linspace(-60, 60, 2401), np.zeros(2401), np.full(2401, 10.0)], axis=1).astype(np.float32)
    TUBE = Tube(POINTS, 120 / 2400, 8.0, 1.0)

    @pytest.mark.parametrize("size", [128, 256])
    def test_volume_is_kept(self, size: int) -> None:
        paths = paths_through(Rays(size), [self.TUBE])
        area = (FIELD_MM / size / MAGNIFICATION) ** 2
        assert float(paths.sum()) * area == pytest.approx(np.pi * 8**2 * 120, rel=0.01)

    def test_thickness_in_the_middle(self) -> None:
        # Balls of radius r, their volume spread along a line: the chord is 3π/8 of a cylinder's 2r.
        paths = paths_through(Rays(512), [self.TUBE])
        row, column = Rays(512).project(np.array([[0, 0, 10]], dtype=np.float32))
        assert paths[round(float(row[0])), round(float(column[0]))] == pytest.approx(16 * 3 * np.pi / 8, rel=0.01)

    def test_tube_over_the_edge_does_not_come_back_on_the_other_side(self) -> None:
        points = self.POINTS + np.array([190, 0, 0], dtype=np.float32)
        paths = paths_through(Rays(256), [Tube(points, 0.05, 11.0, 1.0)])
        assert paths[:, -4:].max() > 10
        assert np.abs(paths[:, :100]).max() < 1e-2

    def test_densities_add_up(self) -> None:
        rays = Rays(128)
        twice = paths_through(rays, [self.TUBE, Tube(self.POINTS, 0.05, 8.0, -1.0)])
        np.testing.assert_allclose(twice, 0, atol=1e-4)
