// @ts-check
// Where the program begins: Streamlit calls `show` when the page first holds the viewer, and again when its data change.

/** @import { Component } from "./types.mjs" */

import { Viewer } from "./viewer.mjs"

/** @type {WeakMap<ShadowRoot, Viewer>} */
const viewers = new WeakMap()

/** @param {Component} component */
export function show(component) {
  const root = component.parentElement
  const known = viewers.get(root)
  const viewer = known ?? new Viewer(component)
  viewers.set(root, viewer)
  viewer.update(component)
  // Streamlit may also call this for a run that a later one has overtaken; the viewer is then still on the page.
  return () =>
    setTimeout(() => {
      if (root.host.isConnected) return
      viewer.close()
      viewers.delete(root)
    })
}
