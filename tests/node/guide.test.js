// The guide's JavaScript, against the server that its Rust makes.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { blocks, body, printsWhatItSays } from "./support/pages.js";
import { start } from "./support/server.js";

describe("the guide", () => {
  let server;
  before(async () => {
    server = await start("koio-guide", [], /^listening on (http.*)$/);
  });
  after(() => server?.stop());

  it("prints what it says that it prints", async () => {
    // What is koa's is there to be compared.
    const ours = blocks("koio/docs/guide.md").filter((code) => !code.startsWith("app.use("));
    assert.ok(ours.length > 10, `${ours.length} blocks`);
    await printsWhatItSays(ours.join("\n"), server.match[1]);
  });
});

for (const page of ["from-koa-socket.md", "from-socket-io.md"]) {
  describe(page, () => {
    it("shows JavaScript that is JavaScript", () => {
      const all = blocks(`koio/docs/${page}`);
      assert.ok(all.length > 3, `${all.length} blocks`);
      for (const code of all) body(code);
    });
  });
}
