// The client that the head comment of an example shows, run as it is printed.
import { readFileSync } from "node:fs";

import { socket } from "./client.js";
import { within } from "./within.js";

/** The source of an example. */
export function sourceOf(example) {
  return readFileSync(new URL(`../../../examples/${example}/src/main.rs`, import.meta.url), "utf8");
}

/**
 * Runs the client of an example until it has logged so many lines; returns their values. The server of its port 3000 is at
 * `server.url`, that of the next port at `server.next`.
 */
export function runHead(example, server, lines) {
  const head = [...sourceOf(example).matchAll(/^\/\/! ?(.*)$/gm)].map(([, line]) => line);
  const [, program] = /```js\n([^]*?)```/.exec(head.join("\n"));
  const here = program
      .replaceAll("http://127.0.0.1:3000", server.url)
      .replaceAll("http://127.0.0.1:3001", server.next);
  const logged = new Promise((resolve, reject) => {
    const seen = [];
    const log = (...values) => seen.push(values) === lines && resolve(seen);
    const connect = (url, options) => socket(url, "upgrade", options);
    const require = (name) => (name === "socket.io-client" ? connect : reject(name));
    new Function("require", "console", here)(require, { log });
  });
  return within(`${lines} lines of the client of ${example}`, logged);
}
