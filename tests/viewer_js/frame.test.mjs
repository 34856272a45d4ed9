import assert from "node:assert/strict"
import { test } from "node:test"

import { decodeFrame, Pyramid, valueAt } from "../../core/ui/viewer/program/frame.mjs"

const frame = (pixels, rows, columns, more = {}) => ({ rows, columns, channels: 1, pixels, intercept: 0, padding: null, ...more })

test("what is no picture is refused", () => {
  assert.throws(() => decodeFrame(new TextEncoder().encode("<!DOCTYPE html>").buffer))
  assert.throws(() => decodeFrame(new ArrayBuffer(2)))
})

test("a value outside the picture is none", () => {
  const picture = frame(Int16Array.of(1, 2, 3, 4), 2, 2, { intercept: 10 })
  assert.deepEqual(valueAt(picture, 1, 0), [13])
  assert.equal(valueAt(picture, 2, 0), null)
  assert.equal(valueAt(picture, 0, -1), null)
})

function halved(picture) {
  return new Pyramid(picture).halved()
}

test("a copy of half the size holds means of four", () => {
  const copy = halved(frame(Int16Array.of(1, 3, 10, 10, 5, 7, 10, 10), 2, 4))
  assert.deepEqual([...copy.pixels], [4, 10])
})

test("an odd edge repeats its last pixels", () => {
  const copy = halved(frame(Uint8Array.of(1, 3, 9), 1, 3))
  assert.deepEqual([copy.rows, copy.columns, ...copy.pixels], [1, 2, 2, 9])
})

test("padding neither darkens its neighbours nor comes to be where none was", () => {
  const padding = [-2000, -2000]
  assert.deepEqual([...halved(frame(Int16Array.of(-2000, 100, -2000, 300), 2, 2, { padding })).pixels], [200])
  assert.deepEqual([...halved(frame(Int16Array.of(-2000, -2000, -2000, -2000), 2, 2, { padding })).pixels], [-2000])
  assert.deepEqual([...halved(frame(Int16Array.of(-1, 1, -1, 1), 2, 2, { padding: [0, 0] })).pixels], [1])
})

test("what is not a number is left out of a mean", () => {
  assert.deepEqual([...halved(frame(Float32Array.of(NaN, 1, 2, 3), 2, 2)).pixels], [2])
  assert.ok(Number.isNaN(halved(frame(Float32Array.of(NaN, NaN, NaN, NaN), 2, 2)).pixels[0]))
})

test("colour is averaged channel by channel", () => {
  const pixels = Uint8Array.of(0, 100, 200, 10, 100, 200, 20, 100, 200, 30, 100, 201)
  assert.deepEqual([...halved(frame(pixels, 2, 2, { channels: 3 })).pixels], [15, 100, 200])
})

test("the copy that is shown has as many pixels as the screen, the picture itself from its own size on", () => {
  const pyramid = new Pyramid(frame(new Uint8Array(1024 * 1024), 1024, 1024))
  assert.equal(pyramid.levelFor(1).rows, 1024)
  assert.equal(pyramid.levelFor(0.51).rows, 1024)
  assert.equal(pyramid.levelFor(0.5).rows, 512)
  assert.equal(pyramid.levelFor(0.2).rows, 256)
  assert.equal(pyramid.levelFor(0.001).rows, 64)
})
