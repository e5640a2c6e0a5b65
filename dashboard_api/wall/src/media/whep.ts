// One live picture by WebRTC: a WHEP request, the camera's own H.264 passed through.

import { BASE } from "../api/client";
import { gathered, problemOf, sameOrigin } from "./peer";
import type { Stream, StreamEvents } from "./stream";

const FIRST_FRAME_MS = 6_000;

export function openWhep(camera: string, video: HTMLVideoElement, events: StreamEvents): Stream {
  const peer = new RTCPeerConnection();
  let resource: string | null = null;
  let ended = false;
  const watchdog = setTimeout(() => end(null), FIRST_FRAME_MS);

  function end(problem: string | null, soon = false): void {
    if (ended) return;
    ended = true;
    clearTimeout(watchdog);
    video.removeEventListener("playing", playing);
    video.srcObject = null;
    // the server first hears that this peer goes, then the line is cut
    const gone = resource ? fetch(resource, { method: "DELETE", keepalive: true }) : Promise.resolve();
    void gone.catch(() => undefined).finally(() => peer.close());
    events.onEnd(problem, soon);
  }

  function playing(): void {
    clearTimeout(watchdog);
    events.onPlaying();
  }

  async function begin(): Promise<void> {
    const { receiver } = peer.addTransceiver("video", { direction: "recvonly" });
    if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
    video.addEventListener("playing", playing);
    peer.addEventListener("track", (track) => {
      video.srcObject = track.streams[0] ?? new MediaStream([track.track]);
      void video.play().catch(() => undefined);
    });
    peer.addEventListener("connectionstatechange", () => {
      if (peer.connectionState === "failed" || peer.connectionState === "disconnected") end(null);
    });
    await peer.setLocalDescription(await peer.createOffer());
    await gathered(peer);
    if (ended) return;
    const endpoint = `${BASE}/cameras/${encodeURIComponent(camera)}/whep`;
    const response = await fetch(endpoint, {
      method: "POST",
      headers: { "Content-Type": "application/sdp", Accept: "application/sdp" },
      body: peer.localDescription?.sdp ?? "",
      credentials: "same-origin",
    });
    if (response.status !== 201) {
      end(await problemOf(response), response.status >= 500);
      return;
    }
    resource = sameOrigin(response.headers.get("Location"), response.url);
    if (ended) {
      if (resource) void fetch(resource, { method: "DELETE" }).catch(() => undefined);
      return;
    }
    await peer.setRemoteDescription({ type: "answer", sdp: await response.text() });
  }

  begin().catch((error: Error) => end(error.message));
  return { stop: () => end(null), kind: "webrtc" };
}
