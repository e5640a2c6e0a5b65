// The shapes the API answers with, as the wall reads them.

export type Priority = 1 | 2 | 3 | 4;
export type SourceKind = "camera" | "unit" | "system";
export type IncidentState = "new" | "claimed" | "closed";
export type Disposition = "genuine" | "false" | "nuisance" | "test" | "no_response";
export type Role = "operator" | "dispatcher" | "engineer" | "analyst" | "admin";
export type Language = "en" | "zh-CN";

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export interface Me {
  username: string;
  display_name: string;
  role: Role | null;
  areas: string[];
  language: string;
  kind?: string;
  patrol_id?: string | null;
}

export interface EventItem {
  id: string;
  time: string;
  received_at: string;
  device_time: string | null;
  area: string;
  kind: string;
  source_kind: SourceKind;
  source_id: string;
  source_name?: string | null;
  priority: Priority;
  label: string;
  score: number | null;
  track_id: number | null;
  rule_id: number | null;
  rule_version: number | null;
  box_px: number[] | null;
  has_snapshot: boolean;
  attrs: Record<string, unknown>;
  incident_id?: number | null;
}

export interface Incident {
  id: number;
  area: string;
  place: string;
  kind: string;
  priority: Priority;
  state: IncidentState;
  source_kind: SourceKind;
  source_id: string;
  source_name?: string | null;
  opened_at: string;
  last_event_at: string;
  event_count: number;
  owner: string | null;
  claimed_at: string | null;
  closed_at: string | null;
  disposition: Disposition | null;
  active: boolean;
  row_version: number;
  lat: number | null;
  lon: number | null;
  cameras: string[];
}

export interface Entry {
  id: number;
  at: string;
  kind: string;
  actor: string;
  text: string;
  event_id: string | null;
  detail: Record<string, unknown>;
}

export type AssignmentState =
  | "queued"
  | "delivered"
  | "accepted"
  | "on_scene"
  | "clear"
  | "declined"
  | "timed_out"
  | "cancelled";

export interface Assignment {
  id: number;
  incident_id: number;
  patrol_id: string;
  patrol_name?: string | null;
  state: AssignmentState;
  note: string;
  assigned_by: string;
  queued_at: string;
  answer_by: string;
  delivered_at: string | null;
  answered_at: string | null;
  on_scene_at: string | null;
  ended_at: string | null;
  decline_reason: string;
  incident?: Partial<Incident> | null;
}

export interface IncidentDetail extends Incident {
  entries: Entry[];
  events: EventItem[];
  assignments: Assignment[];
  unit: Unit | null;
}

export type PatrolState = "available" | "dispatched" | "en_route" | "on_scene" | "off_duty";

export interface Patrol {
  id: string;
  name: string;
  area: string;
  state: PatrolState;
  lat: number | null;
  lon: number | null;
  online: boolean;
  row_version: number;
}

export interface CameraSource {
  scheme: "rtsp" | "rtsps" | "http" | "https";
  host: string;
  port: number;
  path: string;
  transport: "tcp" | "udp";
  username: string;
}

export interface CameraState {
  state: string;
  reason: string;
  since: string;
  last_frame_at: string | null;
  fps: number | null;
  width_px: number | null;
  height_px: number | null;
  codec: string | null;
  frames_total: number;
  frames_lost_total: number;
  recording: boolean;
}

export interface Camera {
  id: string;
  name: string;
  area: string;
  place: string;
  source: CameraSource | null;
  sub_path: string | null;
  lat: number | null;
  lon: number | null;
  enabled: boolean;
  record: boolean;
  retention_days: number;
  has_password: boolean;
  row_version: number;
  state: CameraState | null;
}

export interface Rule {
  id: number;
  version: number;
  camera_id: string;
  name: string;
  kind: "intrusion" | "line_crossing";
  points: [number, number][];
  labels: string[];
  direction: "left_to_right" | "right_to_left" | "both";
  confirm_frames: number;
  cool_down_s: number;
  min_score: number;
  enabled: boolean;
}

export interface Probe {
  ok: boolean;
  problem: string | null;
  codec: string | null;
  width_px: number | null;
  height_px: number | null;
  fps: number | null;
  keyframe_interval_s: number | null;
  snapshot_b64: string | null;
  open_s: number | null;
}

export interface UnitState {
  conn: string;
  arm: string;
  last_heard_at: string | null;
  silent_since: string | null;
  battery_percent: number | null;
  mains: boolean | null;
  points_open: number[];
}

export interface Unit {
  id: string;
  name: string;
  area: string;
  place: string;
  lat: number | null;
  lon: number | null;
  heartbeat_s: number;
  silence_limit_s: number;
  enabled: boolean;
  cameras: string[];
  row_version: number;
  state: UnitState | null;
}

export interface CreatedUnit {
  unit: Unit;
  secret: string;
  mqtt: { host: string; port: number; username: string };
}

export interface Area {
  path: string;
  name: string;
}

export interface User {
  username: string;
  display_name: string;
  role: Role;
  areas: string[];
  language: string;
  disabled: boolean;
  row_version: number;
}

export interface AuditRow {
  id: number;
  at: string;
  actor: string;
  action: string;
  object: string;
  area: string;
  detail: Record<string, unknown>;
}

export interface Part {
  id: string;
  kind: string;
  state: string;
  detail?: unknown;
  heartbeat_at?: string | null;
}

export interface Readiness {
  ready: boolean;
  parts: Part[];
  broker: { kind: string; durable: boolean } | null;
  database: Record<string, unknown> | null;
}

export interface Status extends Readiness {
  name: string;
  version: string;
  now: string;
}

export interface Why {
  event: EventItem;
  because: string;
  rule: Rule | null;
  detector: Record<string, unknown>;
  message: Record<string, unknown> | null;
}

export interface TimelineTrack {
  kind: "camera" | "unit";
  id: string;
  name: string;
  recordings: { from: string; to: string }[];
  gaps: { from: string; to: string | null; cause: string; detail: string }[];
  items: {
    time: string;
    kind: string;
    priority: Priority;
    label: string;
    event_id: string;
    incident_id: number | null;
  }[];
  counts: number[];
}

export interface Timeline {
  from: string;
  to: string;
  bucket_s: number;
  tracks: TimelineTrack[];
}

export interface Problem {
  type?: string;
  title?: string;
  status: number;
  detail?: string;
  errors?: { pointer: string; detail: string }[];
  winner?: string;
}
