// What WebRTC viewers and publishers share.

const GATHER_MS = 1_500;

/** What the server said, in its own words. */
export async function problemOf(response: Response): Promise<string> {
  try {
    const body = (await response.json()) as { detail?: string; title?: string };
    return body.detail ?? body.title ?? `HTTP ${response.status}`;
  } catch {
    return `HTTP ${response.status}`;
  }
}

/** A Location header as an address of this server; null when it names another. */
export function sameOrigin(address: string | null, base: string): string | null {
  if (!address) return null;
  const url = new URL(address, base);
  return url.origin === location.origin ? url.href : null;
}

/** The server takes no later candidates, so the offer waits for them; but not for ever. */
export function gathered(peer: RTCPeerConnection): Promise<void> {
  if (peer.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, GATHER_MS);
    peer.addEventListener("icegatheringstatechange", () => {
      if (peer.iceGatheringState !== "complete") return;
      clearTimeout(timer);
      resolve();
    });
  });
}
