import assert from "node:assert/strict"
import { test } from "node:test"

import { follow, meet, showSlice } from "../../core/ui/viewer/program/series.mjs"

/** A stack of slices; where it lies is unknown without a distance between them. */
const stack = (frames, step = 0, { start = 0, normal = [0, 0, 1] } = {}) => {
  const along = step ? { normal, mm: Array.from({ length: frames }, (_, i) => start + i * step) } : null
  return { index: 0, mm: null, told: { frames, along }, frames: { lookAt: () => {} } }
}

const moved = (first, by) => {
  const before = first.index
  showSlice(first, before + by)
  return before
}

test("a slice beyond an end is the last one there", () => {
  const series = stack(5)
  showSlice(series, 9)
  assert.equal(series.index, 4)
  showSlice(series, -3)
  assert.equal(series.index, 0)
})

test("another stack moves by the same millimetres, and remembers what lies between its slices", () => {
  const [first, other] = [stack(20, 1), stack(5, 3)]
  for (const expected of [0, 1, 1, 1, 2]) {
    follow(other, first, moved(first, 1))
    assert.equal(other.index, expected)
  }
  assert.equal(other.mm, 5)
})

test("a stack that runs the other way moves the other way", () => {
  const [first, other] = [stack(9, 2), stack(9, 2, { normal: [0, 0, -1] })]
  other.index = 8
  follow(other, first, moved(first, 3))
  assert.equal(other.index, 5)
})

test("without positions a series moves by as many slices", () => {
  const [first, other] = [stack(9, 2), stack(9)]
  follow(other, first, moved(first, 3))
  assert.equal(other.index, 3)
})

test("another series begins at the same height where it reaches it, else in its middle", () => {
  const first = stack(20, 1)
  first.index = 9
  const [inside, outside, unknown] = [stack(5, 3), stack(5, 3, { start: 100 }), stack(7)]
  for (const other of [inside, outside, unknown]) meet(other, first)
  assert.deepEqual([inside.index, outside.index, unknown.index], [3, 2, 3])
})
