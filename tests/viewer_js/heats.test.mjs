import assert from "node:assert/strict"
import { test } from "node:test"

import { Heats, heatWords, shortUnit } from "../../core/ui/viewer/program/heats.mjs"

const START = { heat: true, label: "", method: "", opacity: 0.6, threshold: 0, contour: null }
const heat = (strongest, unit = "logit") => ({ values: Float32Array.from([-1, strongest, strongest / 3]), unit, limits: [0, 4] })

const begun = (start = {}) => {
  const heats = new Heats()
  heats.begin({ ...START, ...start })
  return heats
}

test("the contour begins at half of the strongest evidence and keeps its part of it over another heatmap", () => {
  const heats = begun()
  heats.follow(heat(4))
  heats.toggleContour(heat(4))
  assert.equal(heats.look.contour, 2)
  assert.ok(heats.follow(heat(1)))
  assert.equal(heats.look.contour, 0.5)
  heats.setContour(heat(1), 0.75)
  assert.ok(heats.follow(heat(4)))
  assert.equal(heats.look.contour, 3)
  heats.toggleContour(heat(4))
  assert.equal(heats.look.contour, null)
  heats.toggleContour(heat(4))
  assert.equal(heats.look.contour, 3, "it comes back where it was")
})

test("a level that the page remembers stays as it is over its own heatmap", () => {
  const heats = begun({ contour: 1 })
  assert.ok(!heats.follow(heat(4)))
  assert.equal(heats.look.contour, 1)
  heats.follow(heat(2))
  assert.equal(heats.look.contour, 0.5)
})

test("a threshold is kept in its unit and means nothing in another", () => {
  const heats = begun({ threshold: 0.8 })
  assert.ok(!heats.follow(heat(4)))
  assert.ok(!heats.follow(heat(1)))
  assert.equal(heats.look.threshold, 0.8)
  assert.ok(heats.follow(heat(1, "share of the strongest")))
  assert.equal(heats.look.threshold, 0)
})

test("where there is no positive evidence there is no contour", () => {
  const heats = begun()
  heats.toggleContour(heat(-1))
  assert.equal(heats.look.contour, null)
})

test("the bar names the unit shortly, and explains it to whoever points at it", () => {
  const heat = { method: "CAM", unit: "evidence: the map's mean plus a constant is the raw score" }
  assert.equal(shortUnit(heat), "evidence")
  assert.equal(heatWords(heat), "The colours of CAM show evidence: the map's mean plus a constant is the raw score.")
  assert.equal(shortUnit({ unit: "weighted activation, without an absolute scale" }), "weighted activation")
})
