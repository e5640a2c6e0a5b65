// The link that makes a phone or laptop a camera: /publish#<camera id>.<token>. What follows # is never sent to a server.

import { BASE } from "../api/client";

export interface PublishLink {
  camera: string;
  token: string;
}

export const PUBLISH_PATH = "/publish";
const SHAPE = /^([a-z0-9][a-z0-9_-]{0,62})\.([A-Za-z0-9_-]{16,128})$/;

/** Who this page publishes for; null when the link was not copied whole. */
export function readLink(hash: string): PublishLink | null {
  const found = SHAPE.exec(hash.replace(/^#/, "").trim());
  return found ? { camera: found[1]!, token: found[2]! } : null;
}

/** The page's address for the camera whose publishing address is `url`. */
export function linkOf(camera: string, made: { url: string; token: string }): string {
  return `${new URL(made.url).origin}${PUBLISH_PATH}#${camera}.${made.token}`;
}

export function endpointOf(link: PublishLink): string {
  return `${BASE}/cameras/${encodeURIComponent(link.camera)}/whip`;
}

/** Whether browsers lend their cameras to pages of this address: https, or the machine itself. */
export function lendsCameras(address: string): boolean {
  const { protocol, hostname } = new URL(address);
  const own = hostname === "localhost" || hostname.endsWith(".localhost") || hostname === "[::1]";
  return protocol === "https:" || own || /^127(\.\d+){3}$/.test(hostname);
}
