// One live picture by fMP4 over a WebSocket, the same bytes for every viewer.

import { BASE } from "../api/client";
import { Pump } from "./pump";
import type { Stream, StreamEvents } from "./stream";

const SILENT_AFTER_MS = 8_000;

interface Opening {
  mime?: string;
  problem?: string;
}

export function playable(mime: string): boolean {
  return typeof MediaSource !== "undefined" && MediaSource.isTypeSupported(mime);
}

export function openMse(camera: string, video: HTMLVideoElement, events: StreamEvents): Stream {
  const url = `${location.origin.replace(/^http/, "ws")}${BASE}/cameras/${encodeURIComponent(camera)}/live`;
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  let source: MediaSource | null = null;
  let objectUrl = "";
  let pump: Pump | null = null;
  const early: ArrayBuffer[] = [];
  let ended = false;
  let watchdog = setTimeout(() => end(null), SILENT_AFTER_MS);

  function end(problem: string | null): void {
    if (ended) return;
    ended = true;
    clearTimeout(watchdog);
    socket.close();
    video.removeEventListener("playing", playing);
    if (objectUrl) URL.revokeObjectURL(objectUrl);
    video.removeAttribute("src");
    video.load();
    events.onEnd(problem);
  }

  function playing(): void {
    events.onPlaying();
  }

  function begin(mime: string): void {
    if (!playable(mime)) {
      end(`unplayable ${mime}`);
      return;
    }
    source = new MediaSource();
    const opened = source;
    opened.addEventListener("sourceopen", () => {
      if (ended) return;
      const buffer = opened.addSourceBuffer(mime);
      buffer.mode = "segments";
      pump = new Pump(buffer, video, () => end(null));
      buffer.addEventListener("updateend", () => turn());
      buffer.addEventListener("error", () => end(null));
      for (const data of early.splice(0)) pump.push(data);
    });
    objectUrl = URL.createObjectURL(source);
    video.src = objectUrl;
    video.addEventListener("playing", playing);
    void video.play().catch(() => undefined);
  }

  function turn(): void {
    try {
      pump?.turn();
    } catch {
      end(null);
    }
  }

  socket.addEventListener("message", (message: MessageEvent<string | ArrayBuffer>) => {
    if (ended) return;
    clearTimeout(watchdog);
    watchdog = setTimeout(() => end(null), SILENT_AFTER_MS);
    if (typeof message.data === "string") {
      const opening = JSON.parse(message.data) as Opening;
      if (opening.problem) end(opening.problem);
      else if (opening.mime) begin(opening.mime);
      return;
    }
    try {
      if (pump) pump.push(message.data);
      else early.push(message.data);
    } catch {
      end(null);
    }
  });
  socket.addEventListener("close", () => end(null));
  return { stop: () => end(null), kind: "mse" };
}
