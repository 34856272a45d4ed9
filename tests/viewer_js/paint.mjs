// Run by test_agreement.py: what the browser would paint, as bytes.
//   deno run --allow-read paint.mjs windows FILE.lbx VOI.json > RGBA, or heat HEAT.json > float32
import { readFileSync, writeSync } from "node:fs"

import { decodeFrame, Pyramid } from "../../core/ui/viewer/program/frame.mjs"
import { heatOnGrid, paintHeat } from "../../core/ui/viewer/program/heat.mjs"

const read = (path) => JSON.parse(readFileSync(path, "utf-8"))
const send = (array) => {
  const bytes = Buffer.from(array.buffer, array.byteOffset, array.byteLength)
  for (let sent = 0; sent < bytes.length; ) sent += writeSync(1, bytes, sent)
}

function windows(path, asked) {
  const bytes = readFileSync(path)
  const frame = decodeFrame(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
  const { paint, rows, columns } = new Pyramid(frame).levelFor(1)
  for (const { voi, name, invert } of read(asked)) {
    const out = new Int32Array(rows * columns)
    paint.set(voi ?? frame.windows.find((window) => window.name === name)?.voi ?? null, invert)
    paint.paint(out, columns, { top: 0, left: 0, bottom: rows, right: columns })
    send(out)
  }
}

function heat(path) {
  const { told, rows, columns, region, look, map } = read(path)
  const values = new Float32Array(told.values)
  const grid = heatOnGrid({ ...told, values }, rows, columns, region)
  send(grid)
  const out = new Int32Array(grid.length)
  paintHeat(grid, out, told.limits, look, new Uint8Array(map))
  send(out)
}

const [what, ...paths] = process.argv.slice(2)
if (what === "windows") windows(...paths)
else heat(...paths)
