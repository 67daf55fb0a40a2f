// A Redis for these tests alone, on a free port and with nothing on the disk, and its clients.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { Redis } from "ioredis";
import { createClient } from "redis";
import { createClient as createClient4 } from "redis4";

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
  await within("Redis to start", ready);
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      child.kill();
      await once(child, "exit");
      rmSync(folder, { recursive: true });
    },
  };
}

/** What the adapters of Node take as a client: one that has connected, of each package. */
const CLIENTS = {
  async redis(url) {
    const client = createClient({ url });
    client.on("error", () => {});
    await client.connect();
    return client;
  },
  async redis4(url) {
    const client = createClient4({ url });
    client.on("error", () => {});
    await client.connect();
    return client;
  },
  async ioredis(url) {
    const client = new Redis(url, { lazyConnect: true });
    client.on("error", () => {});
    await client.connect();
    return client;
  },
};

/** Two connected clients of this package, one to publish and one to subscribe. That Redis goes away is no error of theirs. */
export function redisClients(url, kind = "redis") {
  return Promise.all([CLIENTS[kind](url), CLIENTS[kind](url)]);
}
