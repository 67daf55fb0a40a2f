// A page of axum's, over TLS and HTTP/2, connects to koio with default options on both sides, in a real browser.

import { launch } from "./browser.mjs";
import { connectsOverHttp2 } from "./http2.mjs";

connectsOverHttp2(async () => {
  // Not `ignoreHTTPSErrors`: that holds for requests and not for WebSockets.
  const browser = await launch(["--ignore-certificate-errors"]);
  return { page: await browser.newPage(), close: () => browser.close() };
});
