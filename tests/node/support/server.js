// Starts a server under test as a process of its own.
import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { createConnection } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { until, within } from "./within.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** The folder with the binaries that `cargo build --workspace --bins` has made. */
export const binaries = process.env.KOIO_BINARIES ?? `${root}target/debug`;

/** Starts `binary` and waits until it prints a line that `ready` (a regular expression) matches. */
export async function start(binary, args, ready, env = {}) {
  const server = launch(binary, args, env);
  const line = (text) => ready.exec(text);
  const match = await within(`${binary} to start`, server.wait(line));
  return { ...server, match };
}

/**
 * Starts `binary`, which says nothing when it is ready, and waits until its port answers. Nobody
 * else may listen there: a server that is left over would be tested in its place.
 */
export async function startAt(port, binary, args = []) {
  await within(`port ${port} to be free`, until(async () => !(await answers(port))), 60_000);
  const server = launch(binary, args);
  const ready = until(() => answers(port));
  await within(`${binary} to start`, Promise.race([ready, server.wait(() => false)]));
  return server;
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = createConnection({ host: "127.0.0.1", port });
    socket.once("connect", () => resolve(socket.destroy() && true));
    socket.once("error", () => resolve(false));
  });
}

function launch(binary, args, env = {}) {
  const child = spawn(`${binaries}/${binary}`, args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const gone = once(child, "exit");
  const lines = [];
  const output = new EventEmitter();
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on("line", (line) => {
      if (input === child.stderr && !line.startsWith("listening on ")) console.error(line);
      lines.push(line);
      output.emit("line", line);
    });
  }
  return {
    /** What it has printed, errors included. */
    lines,
    /** The first line of its output for which `wanted` is true, or an error if it ends. */
    async wait(wanted) {
      const found = new Promise((resolve, reject) => {
        output.on("line", (line) => {
          const match = wanted(line);
          if (match) resolve(match);
        });
        child.once("error", reject);
      });
      const early = gone.then(([code]) => {
        throw new Error(`${binary} ended with ${code}: ${lines.join("\n")}`);
      });
      const match = await Promise.race([found, early]);
      early.catch(() => {});
      return match;
    },
    /** The first line, printed or to come, that `wanted` (a regular expression) matches. */
    async said(wanted) {
      const match = lines.map((line) => wanted.exec(line)).find(Boolean);
      return match ?? within(`${binary} to say ${wanted}`, this.wait((line) => wanted.exec(line)));
    },
    signal: (signal) => child.kill(signal),
    /** Sends a signal and waits for the end; returns [exit code, signal]. */
    async stop(signal = "SIGKILL") {
      child.kill(signal);
      return within(`${binary} to end`, gone);
    },
  };
}

/**
 * Starts the fixture server (src/bin/koio-fixture). `options` become its flags:
 * { "ping-interval": 300 } is `--ping-interval 300`. `undefined` leaves a flag out.
 */
export async function fixture(options = {}, env = {}) {
  const parser = process.env.KOIO_PARSER === "msgpack" ? { msgpack: 1 } : {};
  const old = process.env.KOIO_CLIENT === "2" ? { eio3: 1 } : {};
  const compressed = "KOIO_COMPRESSED" in process.env ? { "per-message-deflate": 0 } : {};
  const flags = Object.entries({ ...parser, ...old, ...compressed, ...options }).filter(([, value]) => value !== undefined);
  const args = flags.flatMap(([name, value]) => [`--${name}`, String(value)]);
  const server = await start("koio-fixture", args, /^listening on (https?:.*:(\d+))$/, env);
  return { ...server, url: server.match[1], port: Number(server.match[2]) };
}

/** Starts an example, which prints its address, on a port that the system chooses. */
export async function example(binary, env = {}) {
  const server = await start(binary, [], /^(?:listening on )?(http:\/\/.*:\d+)/, { PORT: "0", ...env });
  return { ...server, url: server.match[1] };
}
