// The shapes the API answers with, by short names. They come from its OpenAPI document: `npm run types`.

import type { components } from "./schema";

type Schemas = components["schemas"];

export type Priority = 1 | 2 | 3 | 4;
export type SourceKind = Schemas["IncidentItem"]["source_kind"];
export type IncidentState = Schemas["IncidentItem"]["state"];
export type Disposition = NonNullable<Schemas["IncidentItem"]["disposition"]>;
export type Role = Schemas["SignedIn"]["role"];
export type Language = Schemas["SignedIn"]["language"];
export type AssignmentState = Schemas["AssignmentItem"]["state"];
export type PatrolState = Schemas["PatrolItem"]["state"];

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

/** The document says integer; the field knows four. */
type Ranked<T> = Omit<T, "priority"> & { priority: Priority };
/** A row of the feed carries no names that the server would have to look up. */
type Unnamed<T, K extends keyof T> = Omit<T, K> & Partial<Pick<T, K>>;

export type Me = Omit<Schemas["Me"], "kind" | "patrol_id"> & Partial<Pick<Schemas["Me"], "kind" | "patrol_id">>;
export type EventItem = Ranked<Unnamed<Schemas["EventItem"], "source_name" | "incident_id">>;
export type Incident = Ranked<Unnamed<Schemas["IncidentItem"], "source_name">>;
export type Entry = Schemas["Entry"];
export type Assignment = Unnamed<Schemas["AssignmentItem"], "patrol_name"> & {
  incident?: Partial<Ranked<Schemas["PatrolIncident"]>>;
};
export type IncidentDetail = Incident & {
  entries: Entry[];
  events: EventItem[];
  assignments: Assignment[];
  unit: Unit | null;
};
export type Patrol = Schemas["PatrolItem"];
export type CameraSource = Schemas["Source"];
export type PublishToken = Schemas["PublishToken"];
export type CameraState = Schemas["CameraStateItem"];
export type Camera = Schemas["CameraItem"];
export type Rule = Schemas["RuleItem"];
export type RuleKind = Rule["kind"];
export type RuleWindow = Schemas["WindowShape"];
export type RuleKindItem = Schemas["RuleKindItem"];
export type RuleShape = RuleKindItem["shape"];
export type RuleParam = Schemas["ParamItem"];
export type RuleBody = Required<Schemas["RuleInput"]>;
export type Counts = Schemas["Counts"];
export type CountItem = Schemas["CountItem"];
export type Heat = Schemas["Heat"];
export type Rehearsal = Schemas["RehearsalItem"];
export type RehearsedEvent = Schemas["RehearsedEvent"];
export type Probe = Required<Schemas["ProbeAnswer"]>;
export type Discovery = Schemas["DiscoverAnswer"];
export type Discovered = Schemas["DiscoveredItem"];
export type OnvifCamera = Schemas["OnvifAnswer"];
export type BulkAnswer = Schemas["BulkAnswer"];
export type Acceptance = Schemas["Acceptance"];
export type AcceptanceCheck = Schemas["AcceptanceCheck"];
export type Preset = Schemas["PresetItem"];
export type UnitState = Schemas["UnitStateItem"];
export type Unit = Schemas["UnitItem"];
export type CreatedUnit = Schemas["UnitSecret"];
export type Area = Schemas["AreaItem"];
export type User = Schemas["UserItem"];
export type AuditRow = Schemas["AuditItem"];
export type Part = Schemas["PartItem"];
export type Readiness = Schemas["Ready"];
export type Status = Schemas["Status"];
export type Why = Schemas["Why"];
export type Rerun = NonNullable<Why["rerun"]>;
export type Timeline = Omit<Schemas["Timeline"], "tracks"> & { tracks: TimelineTrack[] };
export type TimelineTrack = Omit<Schemas["TimelineTrack"], "items"> & {
  items: Ranked<Schemas["TimelineTrack"]["items"][number]>[];
};
export type Problem = Partial<Omit<Schemas["Problem"], "status">> & { status: number };
