// The JavaScript of the documents, run as it is printed.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { format } from "node:util";

import * as client from "socket.io-client";

import { within } from "./within.js";

/** The JavaScript blocks of a page of the repository. */
export function blocks(page) {
  const text = readFileSync(new URL(`../../../${page}`, import.meta.url), "utf8");
  return [...text.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code);
}

/** A program as the body of a function; it throws if it is no JavaScript. */
export function body(code, ...parameters) {
  const statements = code.replaceAll(/^import .*$/gm, "");
  return new Function(...parameters, `return (async () => {\n${statements}\n})();`);
}

/**
 * What a program says that it prints: the comment behind a `console.log(..);`, or the lines of comment below one. Where
 * one listener prints several times, each of these lines is one; where they are one object, they are one.
 */
function promised(code) {
  const prints = /^.*console\.log\(.*;(?: \/\/ (.*))?\n((?:\/\/ .*\n)*)/gm;
  return [...code.matchAll(prints)].flatMap(([, behind, below]) => {
    const lines = below.replaceAll(/^\/\/ /gm, "").trimEnd();
    return behind ? [behind] : lines.startsWith("{") ? [lines] : lines.split("\n");
  });
}

/** Runs a program against the server at `url`, and fails unless it prints what it says, in whatever order. */
export async function printsWhatItSays(code, url) {
  const expected = promised(code);
  assert.notEqual(expected.length, 0);
  const [open, printed] = [[], []];
  let done;
  // What comes by events may be a moment behind the last answer.
  const all = new Promise((resolve) => (done = resolve));
  const log = (...what) => {
    printed.push(format(...what));
    if (printed.length === expected.length) done();
  };
  const io = (address, options) => {
    const path = address.replace("http://127.0.0.1:3000", "");
    open.push(client.io(url + path, options));
    return open.at(-1);
  };
  try {
    await within("the program's end", body(code, "io", "console")(io, { log }));
    await within("what it says that it prints", all);
  } catch (error) {
    assert.deepEqual(printed, expected, String(error));
  } finally {
    for (const socket of open) socket.disconnect();
  }
  assert.deepEqual(printed.toSorted(), expected.toSorted());
}
