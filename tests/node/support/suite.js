// A describe block with a fixture server, once for each way of connecting.
import { after, afterEach, before, describe } from "node:test";

import { ALL_WAYS, MOST_WAYS, OLD, WAYS, closeAll, connect } from "./client.js";
import { fixture } from "./server.js";

/**
 * Runs `body({ url, way, connect })` for each way. `url()` is the server's address, `connect`
 * opens a connected client that is disconnected after the test.
 */
export function overEachWay(title, body, options = {}, ways = Object.keys(OLD ? WAYS : MOST_WAYS)) {
  for (const way of ways) {
    describe(`${title}, over ${way}`, () => {
      let server;
      before(async () => {
        server = await fixture(options);
      });
      after(() => server?.stop());
      afterEach(closeAll);
      body({
        way,
        url: (path = "") => server.url + path,
        server: () => server,
        connect: (path = "", more = {}) => connect(server.url + path, way, more),
      });
    });
  }
}

/** As `overEachWay`, also over those that begin by another transport, or poll from time to time. */
export function overAllWays(title, body, options = {}) {
  overEachWay(title, body, options, Object.keys(OLD ? WAYS : ALL_WAYS));
}
