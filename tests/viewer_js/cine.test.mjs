import assert from "node:assert/strict"
import { test } from "node:test"

import { Cine } from "../../core/ui/viewer/program/cine.mjs"

/** A clip of three frames, and a screen that draws when it is told to. */
function clip(known = [0, 1, 2]) {
  const clock = { now: 0, next: null }
  globalThis.performance.now = () => clock.now
  globalThis.requestAnimationFrame = (/** @type {any} */ draw) => (clock.next = draw)
  const shown = { index: 0, told: { frames: 3 }, frames: { known: new Set(known), lookAt: () => {} } }
  const viewer = { active: () => shown, goTo: (/** @type {number} */ index) => (shown.index = index), soon: () => {} }
  const cine = new Cine(viewer)
  const drawnAt = (/** @type {number} */ now) => {
    clock.now = now
    clock.next(now)
    return shown.index
  }
  return { cine, drawnAt, shown }
}

test("a clip runs at its own pace, and from its end to its beginning", () => {
  const { cine, drawnAt } = clip()
  cine.start(40)
  // A screen of 60 Hz: every due time is met at its next picture, and no lateness adds up.
  assert.deepEqual([16, 33, 50, 66, 83, 100, 116, 133].map(drawnAt), [0, 0, 1, 1, 2, 2, 2, 0])
})

test("without a pace ten are shown in a second", () => {
  const { cine, drawnAt } = clip()
  cine.start(null)
  assert.deepEqual([99, 100, 199, 200].map(drawnAt), [0, 1, 1, 2])
})

test("it waits for a frame that is not here yet, and does not hurry afterwards", () => {
  const { cine, drawnAt, shown } = clip([0])
  cine.start(40)
  assert.equal(drawnAt(200), 0)
  shown.frames.known.add(1).add(2)
  assert.deepEqual([210, 220, 250].map(drawnAt), [1, 1, 2])
})

test("once stopped it stands", () => {
  const { cine, drawnAt } = clip()
  cine.start(40)
  cine.stop()
  assert.equal(drawnAt(500), 0)
  assert.equal(cine.isPlaying, false)
})
