import { describe, expect, it } from "vitest";
import type { OnvifCamera } from "../api/types";
import { filledBy } from "./FindCameras";

type Profile = OnvifCamera["profiles"][number];

const profile = (path: string | null): Profile => ({
  token: path ?? "none",
  name: "",
  codec: "h264",
  width_px: 640,
  height_px: 360,
  fps: 25,
  gop_frames: 50,
  keyframe_interval_s: 2,
  source: path === null ? null : { scheme: "rtsp", host: "10.1.2.3", port: 8554, path, transport: "tcp", username: "" },
});

describe("what a camera's own word fills in", () => {
  it("is its main and its sub-stream", () => {
    expect(filledBy({ profiles: [profile("/a"), profile("/b")], main: 0, sub: 1 })).toEqual({
      scheme: "rtsp",
      port: "8554",
      path: "/a",
      sub_path: "/b",
    });
  });

  it("is the main stream alone where there is no other", () => {
    expect(filledBy({ profiles: [profile("/a")], main: 0, sub: null })?.sub_path).toBe("");
  });

  it("is nothing without an address", () => {
    expect(filledBy({ profiles: [], main: null, sub: null })).toBeNull();
    expect(filledBy({ profiles: [profile(null)], main: 0, sub: null })).toBeNull();
    expect(filledBy({ profiles: [], main: 3, sub: null })).toBeNull();
  });
});
