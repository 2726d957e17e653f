import { defineConfig } from "vite";

/* The built page loads nothing but its own files and has no inline script or style, so the server
 * can send `Content-Security-Policy: default-src 'self'`. */
export default defineConfig({
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    target: "es2021",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    host: "127.0.0.1",
    proxy: { "/api": process.env.NEARSKY_URL ?? "http://127.0.0.1:8080" },
  },
});
