import assert from "node:assert/strict"
import { test } from "node:test"

import { gapWords, indexAt, peakOf, runsOf, scoreWords } from "../../core/ui/viewer/program/scores.mjs"

test("the peak is the first of the highest scores, and none where nothing is scored", () => {
  assert.equal(peakOf([0.1, null, 0.7, 0.7, 0.2]), 2)
  assert.equal(peakOf([0, null]), 0)
  assert.equal(peakOf([null, null]), -1)
})

test("a line is drawn through neighbours only", () => {
  assert.deepEqual(runsOf([0.1, 0.2, null, 0.3]), [[0, 1], [3]])
})

test("a place of the plot is the nearest slice, also beyond its ends", () => {
  assert.equal(indexAt(6, 106, 11), 0)
  assert.equal(indexAt(53, 106, 11), 5)
  assert.equal(indexAt(-40, 106, 11), 0)
  assert.equal(indexAt(400, 106, 11), 10)
})

test("the words name the highest score, how many reach the threshold, and what is still to come", () => {
  const line = { title: "Haemorrhage", values: [0.2, 0.91, null], threshold: 0.5, reasons: [null, null, null] }
  assert.equal(scoreWords(line, "Slice"), "Haemorrhage: highest 0.91 at slice 2, 1 at or over 0.50, 2 of 3 scored")
  assert.equal(gapWords(line, "Slice"), "")
  const nothing = { title: "A", values: [null], threshold: null, reasons: [null] }
  assert.equal(scoreWords(nothing, "Slice"), "A: no score yet")
})

test("a picture that will have no score is named with the reason, and is not waited for", () => {
  const line = { title: "A", values: [null, 0.5], threshold: null, reasons: ["The image has no contrast.", null] }
  assert.equal(scoreWords(line, "Slice"), "A: highest 0.50 at slice 2")
  assert.equal(gapWords(line, "Slice"), "No score for slice 1. The image has no contrast.")
  const many = { title: "A", values: Array(6).fill(null), threshold: null, reasons: Array(6).fill("No.") }
  assert.equal(gapWords(many, "Frame"), "No score for 6 frames (1, 2, 3, 4, …). No.")
  assert.equal(scoreWords(many, "Frame"), "A: no score")
})
