import assert from "node:assert/strict"
import { test } from "node:test"

import { angle, area, distance, nearestSlice, panned, sameWay, scaleBar, statistics, View, zoomedAt } from "../../core/ui/viewer/program/geometry.mjs"

const WHOLE = { zoom: 1, down: 0.5, across: 0.5 }
const square = { rows: 100, columns: 100, spacing: null }

test("a picture fits its pane and stands in the middle", () => {
  const view = new View(square, 400, 200, WHOLE)
  assert.equal(view.perRow, 2)
  assert.deepEqual(view.toScreen({ down: 0, across: 0 }), { x: 100, y: 0 })
  assert.deepEqual(view.toImage({ x: 300, y: 200 }), { down: 100, across: 100 })
})

test("pixels that are not square become so, the finer direction keeps its scale", () => {
  const spacing = { row_mm: 2, column_mm: 1, source: "" }
  const view = new View({ rows: 50, columns: 100, spacing }, 200, 200, WHOLE)
  assert.equal(view.perColumn, 2)
  assert.equal(view.perRow, 4)
})

test("at its own size a picture lies on whole pixels", () => {
  const fit = new View({ rows: 333, columns: 777, spacing: null }, 640, 480, WHOLE).fit
  const view = new View({ rows: 333, columns: 777, spacing: null }, 640, 480, { ...WHOLE, zoom: 1 / fit })
  assert.equal(view.perRow, 1)
  assert.ok(Number.isInteger(view.left) && Number.isInteger(view.top))
})

test("magnifying keeps what lies under the pointer", () => {
  const view = new View(square, 400, 400, WHOLE)
  const spot = { x: 130, y: 290 }
  const before = view.toImage(spot)
  const after = new View(square, 400, 400, zoomedAt(view, WHOLE, 3, spot)).toImage(spot)
  assert.ok(Math.abs(after.down - before.down) < 0.1 && Math.abs(after.across - before.across) < 0.1)
})

test("a pan moves the picture with the hand, and never out of sight", () => {
  const view = new View(square, 400, 400, WHOLE)
  assert.deepEqual(panned(view, WHOLE, 40, -20), { zoom: 1, down: 0.55, across: 0.4 })
  assert.equal(panned(view, WHOLE, -4000, 0).across, 1)
})

test("the visible region is cut at the edges of the image", () => {
  const view = new View(square, 400, 400, { zoom: 2, down: 0, across: 0.5 })
  assert.deepEqual(view.region(), { top: 0, left: 25, bottom: 25, right: 75 })
})

test("a scale bar has a round length that fits", () => {
  assert.deepEqual(scaleBar(120, 1), { mm: 100, pixels: 100 })
  assert.deepEqual(scaleBar(120, 1.3), { mm: 50, pixels: 65 })
  const small = scaleBar(100, 400)
  assert.ok(Math.abs(small.mm - 0.2) < 1e-12 && small.pixels <= 100)
})

test("lengths are in mm by each direction's spacing, in pixels without", () => {
  const [a, b] = [{ down: 0, across: 0 }, { down: 3, across: 4 }]
  assert.equal(distance(a, b, null), 5)
  assert.equal(distance(a, b, { row_mm: 2, column_mm: 2, source: "" }), 10)
  assert.equal(distance(a, b, { row_mm: 4, column_mm: 0, source: "" }), 12)
})

test("an angle is that in the patient, not in the matrix", () => {
  const corner = { down: 0, across: 0 }
  const [east, south] = [{ down: 0, across: 5 }, { down: 5, across: 5 }]
  assert.ok(Math.abs(angle(east, corner, south, null) - 45) < 1e-9)
  const spacing = { row_mm: Math.sqrt(3), column_mm: 1, source: "" }
  assert.ok(Math.abs(angle(east, corner, south, spacing) - 60) < 1e-9)
  assert.equal(angle(east, corner, { down: 0, across: -1 }, null), 180)
})

test("the area of an ellipse is π ⁄ 4 of its box", () => {
  const [a, b] = [{ down: 0, across: 0 }, { down: 10, across: 20 }]
  assert.equal(area(a, b, "rectangle", null), 200)
  assert.ok(Math.abs(area(a, b, "ellipse", { row_mm: 0.5, column_mm: 0.5, source: "" }) - (50 * Math.PI) / 4) < 1e-9)
})

const ramp = { rows: 4, columns: 4, channels: 1, intercept: 100, padding: null, pixels: Int16Array.from({ length: 16 }, (_, i) => i) }

test("a rectangle counts the pixels whose centres it holds", () => {
  const found = statistics(ramp, { down: 1, across: 1 }, { down: 3, across: 3 }, "rectangle")
  // 5, 6, 9, 10 and the intercept
  assert.deepEqual([found.count, found.mean, found.least, found.largest], [4, 107.5, 105, 110])
  assert.ok(Math.abs(found.deviation - Math.sqrt((2.5 ** 2 + 1.5 ** 2) * 2 / 3)) < 1e-12)
})

test("an ellipse leaves the corners out", () => {
  const found = statistics(ramp, { down: 0, across: 0 }, { down: 4, across: 4 }, "ellipse")
  assert.equal(found.count, 12)
  assert.equal(found.mean, 107.5)
})

test("padding does not count; where nothing does there are no figures", () => {
  const padded = { ...ramp, padding: [100, 112] }
  assert.deepEqual(statistics(padded, { down: 0, across: 0 }, { down: 4, across: 4 }, "rectangle").count, 3)
  assert.equal(statistics(ramp, { down: -5, across: -5 }, { down: -1, across: -1 }, "rectangle"), null)
})

test("the nearest slice, whichever way the stack runs", () => {
  assert.equal(nearestSlice([-10, -5, 0, 5], -6), 1)
  assert.equal(nearestSlice([5, 0, -5], 99), 0)
})

test("stacks lie alike where their normals are nearly parallel, tilted gantries included", () => {
  const along = (...normal) => ({ normal, mm: [0, 1] })
  assert.equal(sameWay(along(0, 0, 1), along(0, 0.1736, 0.9848)), 1)
  assert.equal(sameWay(along(0, 0, 1), along(0, 0, -1)), -1)
  assert.equal(sameWay(along(0, 0, 1), along(1, 0, 0)), 0)
  assert.equal(sameWay(null, along(1, 0, 0)), 0)
})
