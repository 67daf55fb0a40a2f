// A server of Node's in a process of its own, which can be killed. Started by `nodeProcess` of processes.js; each message is
// a call of one method of the server's.
import { nodeServer } from "./servers.js";

const [url, options] = process.argv.slice(2);
const server = await nodeServer(url, JSON.parse(options));

process.on("message", async ({ number, method, args }) => {
  try {
    process.send({ number, value: await server[method](...args) });
  } catch (error) {
    process.send({ number, error: String(error) });
  }
});
process.send({ url: server.url });
