// A way to a server that can be cut: the connections break without a word from either side.
import { createConnection, createServer } from "node:net";
import { once } from "node:events";

/**
 * Starts a proxy to a port of this machine. `cut` breaks its connections; later ones work. While it is `mute`, what the server
 * sends is lost.
 */
export async function proxy(port) {
  const open = new Set();
  let isMute = false;
  let sent = 0;
  const server = createServer((client) => {
    const upstream = createConnection({ host: "127.0.0.1", port, noDelay: true });
    client.setNoDelay(true);
    const both = [client, upstream];
    const end = () => {
      for (const side of both) {
        side.destroy();
        open.delete(side);
      }
    };
    for (const side of both) {
      open.add(side);
      side.on("error", end).on("close", end);
    }
    client.pipe(upstream);
    upstream.on("data", (data) => {
      sent += data.length;
      if (!isMute) client.write(data);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** The bytes that the server has sent to all. */
    sent: () => sent,
    mute(is) {
      isMute = is;
    },
    cut() {
      for (const side of open) side.resetAndDestroy();
    },
    close() {
      this.cut();
      server.close();
    },
  };
}
