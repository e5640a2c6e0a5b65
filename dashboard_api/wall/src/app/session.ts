// Who is signed in, and what the wall offers to each role. The server decides; this only hides what would fail.

import { createContext, useContext } from "react";
import type { Me, Role } from "../api/types";

export type Ability = "handle" | "dispatch" | "register" | "administer" | "watch" | "turn";

/** `watch`: look through a camera now; `turn`: point it elsewhere. Everybody may look at what was. */
const ABILITIES: Record<Role, readonly Ability[]> = {
  operator: ["handle", "watch", "turn"],
  dispatcher: ["handle", "dispatch", "watch"],
  engineer: ["register", "watch", "turn"],
  analyst: [],
  admin: ["handle", "dispatch", "register", "administer", "watch", "turn"],
};

export function can(me: Me, ability: Ability): boolean {
  return me.role !== null && ABILITIES[me.role].includes(ability);
}

export interface Session {
  me: Me;
  signOut: () => void;
}

export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("nobody is signed in above this component");
  return session;
}

export function useCan(ability: Ability): boolean {
  return can(useSession().me, ability);
}
