import { defineConfig } from "vitest/config";

const API = process.env.ALERTWALL_API ?? "http://127.0.0.1:8780";

export default defineConfig({
  esbuild: { jsx: "automatic" },
  build: {
    outDir: "../static",
    emptyOutDir: true,
    target: "es2022",
    // the pages are served with `default-src 'self'`: nothing may become a data: script or font
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
    rollupOptions: {
      onwarn(warning, warn) {
        // Mantine marks every file for server components; a bundle for browsers has none
        if (warning.code !== "MODULE_LEVEL_DIRECTIVE") warn(warning);
      },
    },
  },
  server: {
    host: "127.0.0.1",
    port: 5173,
    proxy: {
      // the API compares the Origin with its own address, so the proxy speaks as that address
      "/api": { target: API, changeOrigin: true, ws: true, headers: { origin: API } },
      "/readyz": { target: API, changeOrigin: true },
    },
  },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
