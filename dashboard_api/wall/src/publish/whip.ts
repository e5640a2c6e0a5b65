// One publishing session over WebRTC (WHIP, RFC 9725): one POST of an offer, one DELETE at its end.

import { gathered, problemOf, sameOrigin } from "../media/peer";
import { endpointOf, type PublishLink } from "./link";

export const MAX_BITRATE_BPS = 2_500_000;
const CONNECT_WITHIN_MS = 15_000;
/** A line that stutters often comes back by itself. */
const LOST_AFTER_MS = 4_000;
const ASK_WITHIN_MS = 10_000;

/** `status`: the server refused; null: no answer, or the line was lost. */
export interface End {
  status: number | null;
  detail: string | null;
}

export interface SessionEvents {
  onLive: () => void;
  onEnd: (end: End) => void;
}

export interface Facts {
  width: number;
  height: number;
  fps: number;
  bytes: number;
}

export interface Session {
  /** Where this session can be ended, once the server has said so. */
  readonly resource: string | null;
  replace: (track: MediaStreamTrack) => Promise<void>;
  facts: () => Promise<Facts | null>;
  stop: () => void;
}

export function encodesH264(): boolean {
  const codecs = globalThis.RTCRtpSender?.getCapabilities?.("video")?.codecs ?? [];
  return codecs.some((codec) => codec.mimeType.toLowerCase() === "video/h264");
}

/** `before`: a session of ours that was lost, and may still hold the camera's only place. */
export function openWhip(
  link: PublishLink,
  stream: MediaStream,
  events: SessionEvents,
  before: string | null,
): Session {
  const peer = new RTCPeerConnection();
  const authorization = { Authorization: `Bearer ${link.token}` };
  let resource: string | null = null;
  let ended = false;
  let lost: ReturnType<typeof setTimeout> | undefined;
  const watchdog = setTimeout(() => end({ status: null, detail: null }), CONNECT_WITHIN_MS);

  function end(how: End | null): void {
    if (ended) return;
    ended = true;
    clearTimeout(watchdog);
    clearTimeout(lost);
    peer.close();
    if (how) events.onEnd(how);
  }

  function remove(address: string, keepalive: boolean): Promise<unknown> {
    const signal = keepalive ? null : AbortSignal.timeout(ASK_WITHIN_MS);
    return fetch(address, { method: "DELETE", headers: authorization, credentials: "omit", keepalive, signal }).catch(
      () => undefined, // the server notices by itself that nothing comes
    );
  }

  peer.addEventListener("connectionstatechange", () => {
    const state = peer.connectionState;
    clearTimeout(lost);
    if (state === "connected") {
      clearTimeout(watchdog);
      if (!ended) events.onLive();
    } else if (state === "disconnected") {
      lost = setTimeout(() => end({ status: null, detail: null }), LOST_AFTER_MS);
    } else if (state === "failed" || state === "closed") {
      end({ status: null, detail: null });
    }
  });

  const track = stream.getVideoTracks()[0]!;
  const sending = peer.addTransceiver(track, {
    direction: "sendonly",
    streams: [stream],
    sendEncodings: [{ maxBitrate: MAX_BITRATE_BPS }],
  });
  preferH264(sending);
  keepSize(sending.sender);

  async function begin(): Promise<void> {
    if (before) await remove(before, false);
    await peer.setLocalDescription(await peer.createOffer());
    await gathered(peer);
    if (ended) return;
    const answer = await fetch(endpointOf(link), {
      method: "POST",
      headers: { ...authorization, "Content-Type": "application/sdp", Accept: "application/sdp" },
      body: peer.localDescription?.sdp ?? "",
      credentials: "omit",
      redirect: "error",
      signal: AbortSignal.timeout(ASK_WITHIN_MS),
    });
    if (answer.status !== 201) {
      end({ status: answer.status, detail: await problemOf(answer) });
      return;
    }
    resource = sameOrigin(answer.headers.get("Location"), answer.url);
    if (ended) {
      if (resource) void remove(resource, true);
      return;
    }
    await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  }

  begin().catch(() => end({ status: null, detail: null }));
  return {
    get resource() {
      return resource;
    },
    replace: (next) => sending.sender.replaceTrack(next),
    facts: async () => (ended ? null : factsOf(await sending.sender.getStats())),
    stop: () => {
      if (resource && !ended) void remove(resource, true);
      end(null);
    },
  };
}

function preferH264(sending: RTCRtpTransceiver): void {
  const codecs = RTCRtpSender.getCapabilities("video")?.codecs ?? [];
  const wanted = codecs.filter((codec) => /^video\/(h264|rtx)$/i.test(codec.mimeType));
  if (wanted.length > 0 && "setCodecPreferences" in sending) sending.setCodecPreferences(wanted);
}

/** A weak line costs pictures a second, not their size: a recording whose size changes is cut at each change. */
function keepSize(sender: RTCRtpSender): void {
  const wanted = { ...sender.getParameters(), degradationPreference: "maintain-resolution" as const };
  sender.setParameters(wanted).catch(() => undefined); // an older browser goes on choosing by itself
}

function factsOf(report: RTCStatsReport): Facts | null {
  for (const entry of report.values() as Iterable<Record<string, unknown>>) {
    if (entry.type !== "outbound-rtp") continue;
    const number = (name: string): number => (typeof entry[name] === "number" ? entry[name] : 0);
    return {
      width: number("frameWidth"),
      height: number("frameHeight"),
      fps: number("framesPerSecond"),
      bytes: number("bytesSent"),
    };
  }
  return null;
}
