"""The page of `bench_live`: plays one way or the other and reads the time out of each picture that is shown."""

import re
from pathlib import Path

BITS = 24
BLOCK_PX = 48
PUMP = Path(__file__).resolve().parent.parent / "dashboard_api" / "wall" / "src" / "media" / "pump.ts"
_RULE = re.compile(r"export const (\w+_(?:S|RATE)) = ([0-9.]+);")

_TEXT = """<!doctype html><meta charset="utf-8"><video muted playsinline autoplay></video><script>
"use strict";
const %s;
const BITS = %d, BLOCK = %d, SPAN = 2 ** BITS;
const video = document.querySelector("video");
const canvas = document.createElement("canvas");
canvas.width = BITS * BLOCK;
canvas.height = BLOCK;
const paper = canvas.getContext("2d", { willReadFrequently: true });
const taken = [];
let problem = null;
const now = () => performance.timeOrigin + performance.now();

function look() {
  const at = now();
  paper.drawImage(video, 0, 0, canvas.width, BLOCK, 0, 0, canvas.width, BLOCK);
  const line = paper.getImageData(0, BLOCK / 2, canvas.width, 1).data;
  let told = 0;
  for (let bit = 0; bit < BITS; bit++) told += line[(bit * BLOCK + BLOCK / 2) * 4] > 127 ? 2 ** bit : 0;
  taken.push((((at %% SPAN) - told) %% SPAN + SPAN) %% SPAN);
  video.requestVideoFrameCallback(look);
}
video.requestVideoFrameCallback(look);

async function whep() {
  const peer = new RTCPeerConnection();
  peer.addTransceiver("video", { direction: "recvonly" });
  peer.ontrack = (event) => {
    event.receiver.jitterBufferTarget = 0;
    video.srcObject = event.streams[0] ?? new MediaStream([event.track]);
  };
  await peer.setLocalDescription(await peer.createOffer());
  if (peer.iceGatheringState !== "complete")
    await new Promise((done) => {
      peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && done();
    });
  const answer = await fetch("/whep", { method: "POST", body: peer.localDescription.sdp });
  if (answer.status !== 201) throw new Error(await answer.text());
  await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
}

function mse() {
  const source = new MediaSource();
  video.src = URL.createObjectURL(source);
  const waiting = [];
  let buffer = null;
  const pump = () => {
    if (!buffer || buffer.updating) return;
    follow();
    if (!waiting.length) return;
    buffer.appendBuffer(waiting.shift());
  };
  source.onsourceopen = () => {
    const socket = new WebSocket(`ws://${location.host}/live`);
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      if (typeof data === "string") {
        const said = JSON.parse(data);
        if (said.problem) problem = said.problem;
        else {
          buffer = source.addSourceBuffer(said.mime);
          buffer.onupdateend = pump;
        }
        return;
      }
      waiting.push(data);
      pump();
    };
  };
  const follow = () => {
    const spans = video.buffered;
    if (!spans.length) return;
    const end = spans.end(spans.length - 1), behind = end - video.currentTime;
    if (behind > JUMP_WHEN_BEHIND_S || behind < -0.1) video.currentTime = end - JUMP_TO_S;
    video.playbackRate = behind > HURRY_WHEN_BEHIND_S && behind <= JUMP_WHEN_BEHIND_S ? HURRY_RATE : 1;
  };
}
const begin = { whep, mse };
const start = (way) => Promise.resolve(begin[way]()).catch((error) => (problem = String(error)));
</script>"""


def page() -> str:
    """Return the page; how far it stays behind the live edge is read from the wall's own player."""
    rules = ", ".join(f"{name} = {number}" for name, number in _RULE.findall(PUMP.read_text("utf-8")))
    return _TEXT % (rules, BITS, BLOCK_PX)
