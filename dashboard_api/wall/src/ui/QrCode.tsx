import { qr } from "./qr";

export function QrCode({ text, label, testId = "pairing-qr" }: { text: string; label: string; testId?: string }) {
  const grid = qr(text);
  if (!grid) return null;
  const path = grid.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ""))).join("");
  return (
    <svg
      viewBox={`-4 -4 ${grid.length + 8} ${grid.length + 8}`}
      width="240"
      height="240"
      role="img"
      aria-label={label}
      shapeRendering="crispEdges"
      data-testid={testId}
    >
      <rect x="-4" y="-4" width={grid.length + 8} height={grid.length + 8} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  );
}
