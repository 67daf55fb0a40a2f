// A Redis for these tests alone, on a free port and with nothing on the disk, and its clients.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { freePort } from "../../node/support/port.js";
import { within } from "../../node/support/within.js";

/** Starts a Redis, on a port that is free or on this one; `url` is its address. */
export async function startRedis(again) {
  const port = again ?? (await freePort());
  const folder = mkdtempSync(join(tmpdir(), "koio-redis-"));
  const args = ["--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", folder];
  const child = spawn("redis-server", args.map(String), { stdio: ["ignore", "pipe", "inherit"] });
  const ready = new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line.includes("Ready to accept connections")) resolve();
    });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`redis-server ended with ${code}`)));
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  await within("Redis to start", ready);
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    /** Also of one that has ended, as after a test that failed. */
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      await within("Redis to end", ended);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A client of each package that the adapters of Node take. */
const CLIENTS = {
  redis: async (url) => (await import("redis")).createClient({ url }),
  redis4: async (url) => (await import("redis4")).createClient({ url }),
  ioredis: async (url) => new (await import("ioredis")).Redis(url, { lazyConnect: true }),
};

/** Two connected clients of this package, one to publish and one to subscribe. That Redis goes away is no error of theirs. */
export async function redisClients(url, kind = "redis") {
  const clients = await Promise.all([CLIENTS[kind](url), CLIENTS[kind](url)]);
  for (const client of clients) client.on("error", () => {});
  await Promise.all(clients.map((client) => client.connect()));
  return clients;
}
