import assert from "node:assert/strict"
import { test } from "node:test"

import { Look } from "../../core/ui/viewer/program/looks.mjs"
import { roundHalfToEven, voiFunction } from "../../core/ui/viewer/program/shades.mjs"
import { areaWords, lengthWords, number } from "../../core/ui/viewer/program/words.mjs"

const brain = { center: 40, width: 80, function: "LINEAR" }
const frame = {
  channels: 1,
  pixels: new Int16Array(4),
  windows: [
    { name: "File: BRAIN", voi: brain },
    { name: "Automatic", voi: { center: 0, width: 100, function: "LINEAR_EXACT" } },
  ],
}

test("the file's window comes first, another by its name, and one that this slice lacks gives way", () => {
  const look = new Look()
  assert.equal(look.on(frame).name, "File: BRAIN")
  look.preset = "Automatic"
  assert.equal(look.on(frame).name, "Automatic")
  look.preset = "File: window 7"
  assert.equal(look.on(frame).name, "File: BRAIN")
  assert.equal(look.on({ ...frame, channels: 3 }), null)
})

test("a drag of 240 pixels makes a window e times as wide, or moves it by its width", () => {
  const look = new Look()
  look.drag(frame, brain, 240, 0)
  assert.deepEqual(look.window, { center: 40, width: 217, function: "LINEAR" })
  look.drag(frame, brain, 0, 240)
  assert.deepEqual(look.window, { center: 120, width: 80, function: "LINEAR" })
  assert.equal(look.preset, "Manual")
})

test("a window cannot be dragged shut", () => {
  const look = new Look()
  look.drag(frame, brain, -1e6, 0)
  assert.equal(look.window.width, 1)
  const fractions = { ...frame, pixels: new Float32Array(4) }
  look.drag(fractions, { center: 0.5, width: 0.1, function: "SIGMOID" }, -1e6, 0)
  assert.ok(look.window.width > 0)
})

test("fractions keep their digits while they are dragged", () => {
  const look = new Look()
  const fractions = { ...frame, pixels: new Float32Array(4) }
  look.drag(fractions, { center: 0.0012, width: 0.0008, function: "LINEAR_EXACT" }, 0, 24)
  assert.equal(look.window.center, 0.00128)
})

test("a drag on a table begins at the automatic window", () => {
  const look = new Look()
  const table = { name: "File: CURVE", voi: { values: new Uint16Array(2), firstValue: 0, bits: 8 } }
  assert.deepEqual(look.beginning({ ...frame, windows: [table, ...frame.windows] }), frame.windows[1].voi)
})

test("the curve is changed and changed back", () => {
  const look = new Look()
  look.toggleCurve(frame)
  assert.equal(look.window.function, "SIGMOID")
  look.toggleCurve(frame)
  assert.equal(look.window.function, "LINEAR_EXACT")
})

// PS3.3 C.11.2.1.2.1, note: the example of center 2048 and width 4096.
test("the standard's example: 0 is black and 4095 white", () => {
  const spread = voiFunction({ center: 2048, width: 4096, function: "LINEAR" })
  assert.equal(spread(0), 0)
  assert.equal(spread(4095), 1)
  assert.equal(spread(2047.5), 0.5)
})

test("ties are rounded to the even number", () => {
  assert.deepEqual([0.5, 1.5, 2.5, -0.5, -1.5, 2.4, 2.6].map(roundHalfToEven).map((x) => x + 0), [0, 2, 2, 0, -2, 2, 3])
})

test("numbers in words", () => {
  assert.deepEqual([-1024, 0.123456, 12345.6, 1 / 3, NaN].map(number), ["−1024", "0.1235", "12346", "0.3333", "–"])
  const spacing = { row_mm: 1, column_mm: 1, source: "" }
  assert.equal(lengthWords(12.345, spacing), "12.3 mm")
  assert.equal(lengthWords(12.345, null), "12.3 px")
  assert.equal(areaWords(2500, spacing), "25 cm²")
  assert.equal(areaWords(250.4, null), "250 px²")
})
