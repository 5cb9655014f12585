import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

/** For `npm run dev`: the node whose API the page shows. */
const NODE = process.env["MINER_CTRL_NODE"] ?? "http://127.0.0.1:9090";

export default defineConfig({
  base: "/",
  plugins: [svelte()],
  build: {
    outDir: "../src/miner_ctrl/page",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the policy of the page lets no data: in, but for pictures
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    license: { fileName: "licenses.txt" }, // what is bundled goes with its terms
  },
  server: {
    proxy: {
      "/api": {
        target: NODE,
        ws: true,
        changeOrigin: true,
        configure: (proxy) => {
          // a node lets in no page of another origin
          proxy.on("proxyReq", (request) => request.setHeader("origin", NODE));
          proxy.on("proxyReqWs", (request) => request.setHeader("origin", NODE));
        },
      },
    },
  },
  ...(process.env["VITEST"] ? { resolve: { conditions: ["browser"] } } : {}),
  // a busy machine is slow: only what hangs is ended
  test: { environment: "node", pool: "threads", include: ["src/**/*.test.ts"], testTimeout: 60_000, hookTimeout: 60_000 },
});
