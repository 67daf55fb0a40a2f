// Servers of koio and of Node as one cluster, each with a client.
import { until, within } from "../../node/support/within.js";
import { connected, got, names } from "./clients.js";
import { startRedis } from "./redis.js";
import { koioServer, nodeServer } from "./servers.js";

/** Some servers, the first of which acts. */
export class Cluster {
  constructor(redis, servers) {
    this.redis = redis;
    this.servers = servers;
  }

  /** Starts servers of these kinds, `options` has those of each kind. */
  static async start(kinds, options = {}) {
    const redis = await startRedis();
    const servers = { koio: koioServer, node: nodeServer };
    const start = (kind) => servers[kind](redis.url, options[kind]);
    const cluster = new Cluster(redis, await Promise.all(kinds.map(start)));
    const counting = cluster.servers.filter(({ kind }) => kind === "node");
    await Promise.all(counting.map((server) => server.counted(kinds.length)));
    return cluster;
  }

  async stop() {
    await Promise.all(this.servers.map((server) => server.stop()));
    await this.redis.stop();
  }

  /** A client of each server, with which nobody else is there. */
  async clients(options) {
    const clients = await Promise.all(this.servers.map((server) => connected(server, options)));
    const alone = async () => (await this.servers[0].fetch({ ...options })).length === clients.length;
    await within("those of the last test to be gone", until(alone));
    return clients;
  }

  /** Has the clients' own servers put each of them into its rooms. */
  async join(clients, ...roomsOf) {
    const join = async (server, index) => {
      for (const room of roomsOf[index]) await server.join({ to: [clients[index].id], local: true }, room);
    };
    await Promise.all(this.servers.map(join));
    await this.rooms(clients, ...roomsOf);
  }

  /** Waits until each of the clients is in these rooms, as the first server hears it. */
  async rooms(clients, ...expected) {
    const wanted = clients.map(({ id }, index) => [id, ...expected[index]].sort());
    const are = async () => {
      const sockets = new Map((await this.servers[0].fetch({})).map((socket) => [socket.id, socket]));
      const rooms = clients.map(({ id }) => [id, ...(sockets.get(id)?.rooms ?? [])].sort());
      return JSON.stringify(rooms) === JSON.stringify(wanted);
    };
    await within(`the rooms ${JSON.stringify(wanted)}`, until(are));
  }

  /** Whoever gets more than the end gets it before the end. */
  async events(clients, from = this.servers[0]) {
    await from.emit({}, "end", 0);
    await got("end", ...clients);
    return clients.map((client) => names(client).slice(0, -1));
  }
}
