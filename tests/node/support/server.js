// Starts a server under test as a process of its own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { within } from "./within.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** The folder with the binaries that `cargo build --workspace --bins` has made. */
export const binaries = process.env.KOIO_BINARIES ?? `${root}target/debug`;

/** Starts `binary` and waits until it prints a line that `ready` (a regular expression) matches. */
export async function start(binary, args, ready) {
  const child = spawn(`${binaries}/${binary}`, args, { stdio: ["ignore", "pipe", "inherit"] });
  const gone = once(child, "exit");
  const lines = [];
  const started = new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      lines.push(line);
      const match = ready.exec(line);
      if (match) resolve(match);
    });
    child.once("error", reject);
    gone.then(([code]) => reject(new Error(`${binary} ended with ${code}: ${lines.join("\n")}`)));
  });
  const match = await within(`${binary} to start`, started);
  return {
    match,
    lines,
    /** Sends a signal and waits for the end; returns [exit code, signal]. */
    async stop(signal = "SIGKILL") {
      child.kill(signal);
      return within(`${binary} to end`, gone);
    },
  };
}

/**
 * Starts the fixture server (src/bin/koio-fixture). `options` become its flags:
 * { "ping-interval": 300 } is `--ping-interval 300`.
 */
export async function fixture(options = {}) {
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const server = await start("koio-fixture", args, /^listening on (.*:(\d+))$/);
  return { ...server, url: `http://${server.match[1]}`, port: Number(server.match[2]) };
}
