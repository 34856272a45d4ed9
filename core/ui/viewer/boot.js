// What Streamlit runs. The program itself is plain modules from a route of the same server.

/** @param {import("./program/types.mjs").Component} component */
export default async function (component) {
  let program
  try {
    program = await import(new URL(component.data.program, document.baseURI).href)
  } catch {
    // Blocked or cut off: the page then shows pictures made by the server.
    component.setStateValue("failed", true)
    return
  }
  return program.show(component)
}
