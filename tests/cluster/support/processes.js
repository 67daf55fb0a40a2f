// Servers of Node in processes of their own, which can be stopped and killed.
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { within } from "../../node/support/within.js";

const program = fileURLToPath(new URL("node-process.js", import.meta.url));

/** A server of Node's: `call` is one of its methods, as `nodeServer` has them. */
export async function nodeProcess(url, options = {}) {
  const child = fork(program, [url, JSON.stringify(options)]);
  const exited = once(child, "exit");
  const calls = new Map();
  const started = new Promise((resolve) => {
    child.on("message", ({ url, number, value, error }) => {
      if (url) return resolve(url);
      const [done, failed] = calls.get(number);
      calls.delete(number);
      if (error) failed(new Error(error));
      else done(value);
    });
  });
  const address = await within("a server of Node to start", started);
  let number = 0;
  return {
    kind: "node",
    url: address,
    call(method, ...args) {
      number += 1;
      const answered = new Promise((...how) => calls.set(number, how));
      child.send({ number, method, args });
      return within(method, answered);
    },
    signal: (signal) => child.kill(signal),
    async kill(signal = "SIGKILL") {
      child.kill(signal);
      await within("a server of Node to end", exited);
    },
  };
}
