// Line drawings, 24 by 24, in the colour of the text.

import type { ReactNode } from "react";

function Icon({ children }: { children: ReactNode }) {
  return (
    <svg
      viewBox="0 0 24 24"
      width="20"
      height="20"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.8"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      {children}
    </svg>
  );
}

export const ICONS = {
  wall: (
    <Icon>
      <path d="M4 5h4M4 12h4M4 19h4M11 5h9M11 12h9M11 19h9" />
    </Icon>
  ),
  cameras: (
    <Icon>
      <path d="M3 7l13-3 2 7-13 3zM9 13v7M5 20h8M18 8l3-1" />
    </Icon>
  ),
  units: (
    <Icon>
      <path d="M4 11l8-7 8 7v9H4zM12 11v4M12 17.6v.1" />
    </Icon>
  ),
  patrols: (
    <Icon>
      <path d="M12 3l7 3v6c0 4.5-3 7.5-7 9-4-1.5-7-4.500-7-9V6z" />
    </Icon>
  ),
  timeline: (
    <Icon>
      <path d="M3 6h18M3 12h18M3 18h18M8 4v4M15 10v4M11 16v4" />
    </Icon>
  ),
  status: (
    <Icon>
      <path d="M3 12h4l3-8 4 16 3-8h4" />
    </Icon>
  ),
  users: (
    <Icon>
      <circle cx="12" cy="8" r="4" />
      <path d="M4 21c1-5 4-7 8-7s7 2 8 7" />
    </Icon>
  ),
  audit: (
    <Icon>
      <path d="M6 3h9l4 4v14H6zM9 11h7M9 15h7M9 7h3" />
    </Icon>
  ),
  sound: (
    <Icon>
      <path d="M4 9h4l5-4v14l-5-4H4zM16 9c1.500 2 1.500 4 0 6M18.500 6.500c3 3.500 3 7.500 0 11" />
    </Icon>
  ),
  silent: (
    <Icon>
      <path d="M4 9h4l5-4v14l-5-4H4zM17 9l5 6M22 9l-5 6" />
    </Icon>
  ),
};

export function Mark() {
  return (
    <svg viewBox="0 0 32 32" width="32" height="32" aria-hidden="true">
      <path d="M5 23V12l11-7 11 7v11" fill="none" stroke="#9fb3c8" strokeWidth="2.2" strokeLinejoin="round" />
      <circle cx="16" cy="18.500" r="4.400" fill="#ffb547" />
    </svg>
  );
}
