// Starts the chat as its users do, and other programs alike: the binary, its environment, and the address that it prints.
// Build it first (`cargo build -p chat`). KOIO_BINARIES is the folder of the binaries, CHAT_BIN this one.

import { createInterface } from "node:readline";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { program } from "./program.mjs";

export const binaries = process.env.KOIO_BINARIES ?? fileURLToPath(new URL("../../target/debug", import.meta.url));
const binary = process.env.CHAT_BIN ?? join(binaries, "chat");
export const officialClient = fileURLToPath(new URL("node_modules/socket.io-client/dist", import.meta.url));

/** `port` of the one that went, for a server that comes back; `within` is a command that runs the binary. */
export const startChat = ({ port = 0, env = {}, within = [] } = {}) =>
  startServer(binary, { CLIENT_DIR: officialClient, ...env, PORT: String(port) }, within);

/** Starts a server, with these flags, that says on its error stream where it listens. */
export async function startServer(server, env, within = [], flags = []) {
  const [command, ...args] = [...within, server, ...flags];
  const child = program(command, args, env);
  let complaint = "";
  const url = await new Promise((resolve) => {
    child.stdout.resume(); // a full pipe would block the server
    createInterface(child.stderr).on("line", (line) => {
      const address = /^listening on (https?:\/\/127\.0\.0\.1:\d+)$/.exec(line)?.[1];
      if (address) resolve(address);
      else complaint += `${line}\n`;
    });
    child.ended.then(() => resolve());
  });
  if (!url) throw new Error(`${server} ended with ${child.exitCode}: ${complaint}`);
  return {
    url,
    port: Number(new URL(url).port),
    complaint: () => complaint,
    /** Ends the server as `signal` does and waits until it is gone; answers its exit code. */
    async stop(signal = "SIGKILL") {
      child.kill(signal);
      await child.ended;
      return child.exitCode;
    },
  };
}
