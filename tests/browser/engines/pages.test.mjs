// The same in browsers of other engines as in ../http2.test.mjs and ../origins.test.mjs.

import { describe } from "node:test";
import { connectsOverHttp2 } from "../http2.mjs";
import { keepsOrigins } from "../origins.mjs";
import { engines } from "./engines.mjs";

for (const [engine, open] of Object.entries(engines)) {
  const newPage = async () => {
    const browser = await open();
    return { page: await browser.newPage(), close: () => browser.close() };
  };
  describe(`${engine}, HTTP/2`, () => connectsOverHttp2(newPage, { asksForStreams: engine !== "WebKit" }));
  describe(`${engine}, origins`, () => keepsOrigins(newPage));
}
