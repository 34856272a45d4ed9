// Numbers in words, as core/reports/wording.py writes them.

import assert from "node:assert/strict"
import { test } from "node:test"

import { scoreNumber, thresholdNumber } from "../../core/ui/viewer/program/words.mjs"

test("a score has two decimals, and none is a certainty", () => {
  assert.deepEqual([0, 0.004, 0.005, 0.5, 0.994, 0.995, 1].map(scoreNumber), [
    "< 0.01", "< 0.01", "0.01", "0.50", "0.99", "> 0.99", "> 0.99",
  ])
})

test("a threshold has as many decimals as keep it from being 0 or 1", () => {
  assert.deepEqual([0.0021, 0.6721, 0.5, 0.9971].map(thresholdNumber), ["0.0021", "0.67", "0.50", "0.9971"])
})
