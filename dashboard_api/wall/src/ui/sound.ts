// Sounds made by the browser itself; no file is loaded.

import type { Priority } from "../api/types";

let context: AudioContext | null = null;

/** Browsers allow sound only after a person touched the page. */
export function unlockSound(): void {
  context ??= new AudioContext();
  void context.resume();
}

const TUNES: Record<Priority, [hertz: number, at: number, length: number][]> = {
  1: [
    [880, 0, 0.16],
    [660, 0.2, 0.16],
    [880, 0.4, 0.16],
    [660, 0.6, 0.16],
    [880, 0.8, 0.3],
  ],
  2: [
    [740, 0, 0.16],
    [587, 0.22, 0.28],
  ],
  3: [[523, 0, 0.18]],
  4: [],
};

export function ring(priority: Priority): void {
  unlockSound();
  if (!context) return;
  for (const [hertz, at, length] of TUNES[priority]) tone(context, hertz, context.currentTime + at, length);
}

function tone(audio: AudioContext, hertz: number, at: number, length: number): void {
  const oscillator = audio.createOscillator();
  const gain = audio.createGain();
  oscillator.type = "triangle";
  oscillator.frequency.value = hertz;
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(0.25, at + 0.015);
  gain.gain.exponentialRampToValueAtTime(0.001, at + length);
  oscillator.connect(gain).connect(audio.destination);
  oscillator.start(at);
  oscillator.stop(at + length + 0.02);
}
