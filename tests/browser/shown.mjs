// What the chat's page shows, in any of the browsers.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

/** Where pictures of it are kept. */
export const artefacts = fileURLToPath(new URL("../../target/tests-run/", import.meta.url));

/** In the page: the names of the others who are online. */
export const people = () => [...document.querySelectorAll("#people button:not(.away) .title")].map((name) => name.textContent).sort();

/** In the page: the messages of the open conversation, each as "Name: text". */
export const lines = () => [...document.querySelectorAll(".log .message")].map((line) => {
  const said = line.querySelector(".text")?.textContent ?? `[${line.querySelector("img").alt}]`;
  return `${line.querySelector(".author").textContent}: ${said}`;
});

/**
 * Waits until one of these reads what is wanted. `until` waits for a function in the page, which is given an argument. What is
 * read is compared there, and told as it was if it never fits.
 */
export async function shows(page, until, wanted, read) {
  try {
    await until(new Function("wanted", `return JSON.stringify((${read})()) === wanted`), JSON.stringify(wanted));
  } catch {
    assert.deepEqual(await page.evaluate(read), wanted);
  }
}
