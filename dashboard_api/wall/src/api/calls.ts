// The API's routes by the names people give them.

import { all, call, query } from "./client";
import type {
  Counts,
  Heat,
  Acceptance,
  Area,
  Assignment,
  AuditRow,
  BulkAnswer,
  Camera,
  CreatedUnit,
  Discovery,
  Disposition,
  EventItem,
  Incident,
  IncidentDetail,
  Me,
  Page,
  OnvifCamera,
  Patrol,
  Preset,
  Probe,
  PublishToken,
  Readiness,
  Rehearsal,
  Rule,
  RuleBody,
  RuleKindItem,
  Status,
  Timeline,
  Unit,
  User,
  Why,
} from "./types";

const id = encodeURIComponent;

// ── people ──
export const setupNeeded = () => call<{ needed: boolean }>("setup");
export const setUp = (body: { token: string; username: string; password: string; display_name: string }) =>
  call<unknown>("setup", { method: "POST", body });
export const signIn = (username: string, password: string) =>
  call<Me>("login", { method: "POST", body: { username, password } });
export const signOut = () => call<void>("logout", { method: "POST" });
export const me = () => call<Me>("me");
export const changeMe = (body: { language: string }) => call<Me>("me", { method: "PATCH", body });
export const users = () => all<User>("users");
export const addUser = (body: Record<string, unknown>) => call<User>("users", { method: "POST", body });
export const changeUser = (user: User, body: Record<string, unknown>) =>
  call<User>(`users/${id(user.username)}`, { method: "PATCH", body, headers: match(user) });
export const audit = (cursor: string | null) => call<Page<AuditRow>>(`audit${query({ limit: 100, cursor })}`);
export const areas = () => all<Area>("areas");

// ── incidents ──
export const openIncidents = () => all<Incident>("incidents?state=new,claimed");
export const closedIncidents = (cursor: string | null) =>
  call<Page<Incident>>(`incidents${query({ state: "closed", limit: 100, cursor })}`);
export const incident = (number: number) => call<IncidentDetail>(`incidents/${number}`);
const act = (number: number, verb: string, body: unknown = {}) =>
  call<unknown>(`incidents/${number}/${verb}`, { method: "POST", body });
export const claim = (number: number) => act(number, "claim");
export const release = (number: number) => act(number, "release");
export const comment = (number: number, text: string) => act(number, "comment", { text });
export const dispatch = (number: number, patrol_id: string, note: string) => act(number, "dispatch", { patrol_id, note });
export const close = (number: number, disposition: Disposition, text: string) => act(number, "close", { disposition, text });

// ── events ──
export const event = (key: string) => call<EventItem>(`events/${key}`);
export const why = (key: string) => call<Why>(`events/${key}/why`);
export const cameraEvents = (camera: string) =>
  call<Page<EventItem>>(`events${query({ source_id: camera, limit: 30 })}`);
export const timeline = (values: { from: string; to: string; camera: string[]; unit: string[]; bucket_s?: number }) =>
  call<Timeline>(`timeline${query(values)}`);

// ── cameras ──
export const cameras = () => all<Camera>("cameras");
export const camera = (key: string) => call<Camera>(`cameras/${id(key)}`);
export const addCamera = (body: Record<string, unknown>) => call<Camera>("cameras", { method: "POST", body });
export const changeCamera = (item: Camera, body: Record<string, unknown>) =>
  call<Camera>(`cameras/${id(item.id)}`, { method: "PATCH", body, headers: match(item) });
export const importCameras = (file: Blob, dry_run: boolean) =>
  call<BulkAnswer>(`cameras/bulk${query({ dry_run: String(dry_run) })}`, {
    method: "POST",
    body: file,
    headers: { "Content-Type": "text/csv" },
  });
export const acceptance = (key: string) => call<Acceptance>(`cameras/${id(key)}/acceptance`);
export const retireCamera = (item: Camera) =>
  call<void>(`cameras/${id(item.id)}`, { method: "DELETE", headers: match(item) });
export const newPublishToken = (item: Camera) =>
  call<PublishToken>(`cameras/${id(item.id)}/publish-token`, { method: "POST", body: {} });
export const probe = (body: Record<string, unknown>) => call<Probe>("cameras/probe", { method: "POST", body });
export const discover = () => call<Discovery>("cameras/discover", { method: "POST", body: {} });
export const onvif = (body: Record<string, unknown>) => call<OnvifCamera>("cameras/onvif", { method: "POST", body });
export const presets = (camera_id: string) => call<{ items: Preset[] }>(`cameras/${id(camera_id)}/presets`);
export const turn = (camera_id: string, preset: string) =>
  call<void>(`cameras/${id(camera_id)}/turn`, { method: "POST", body: { preset } });
export const rules = (camera_id: string) => all<Rule>(`cameras/${id(camera_id)}/rules`);
export const ruleKinds = () => all<RuleKindItem>("rule-kinds");
export const addRule = (camera_id: string, body: RuleBody) =>
  call<Rule>(`cameras/${id(camera_id)}/rules`, { method: "POST", body });
export const changeRule = (camera_id: string, rule: number, body: RuleBody) =>
  call<Rule>(`cameras/${id(camera_id)}/rules/${rule}`, { method: "PUT", body });
export const removeRule = (camera_id: string, rule: number) =>
  call<void>(`cameras/${id(camera_id)}/rules/${rule}`, { method: "DELETE" });
export const startRehearsal = (camera_id: string, body: Record<string, unknown>) =>
  call<Rehearsal>(`cameras/${id(camera_id)}/rehearsals`, { method: "POST", body });
export const rehearsal = (camera_id: string, key: string) =>
  call<Rehearsal>(`cameras/${id(camera_id)}/rehearsals/${id(key)}`);
export const endRehearsal = (camera_id: string, key: string) =>
  call<void>(`cameras/${id(camera_id)}/rehearsals/${id(key)}`, { method: "DELETE" });
export const counts = (camera_id: string, values: { from: string; to: string; by: string }) =>
  call<Counts>(`cameras/${id(camera_id)}/counts${query(values)}`);
export const heat = (camera_id: string, values: { from: string; to: string }) =>
  call<Heat>(`cameras/${id(camera_id)}/heat${query(values)}`);

// ── units ──
export const units = () => all<Unit>("units");
export const unit = (key: string) => call<Unit>(`units/${id(key)}`);
export const addUnit = (body: Record<string, unknown>) => call<CreatedUnit>("units", { method: "POST", body });
export const changeUnit = (item: Unit, body: Record<string, unknown>) =>
  call<Unit>(`units/${id(item.id)}`, { method: "PATCH", body, headers: match(item) });
export const retireUnit = (item: Unit) => call<void>(`units/${id(item.id)}`, { method: "DELETE", headers: match(item) });
export const newUnitSecret = (item: Unit) => call<CreatedUnit>(`units/${id(item.id)}/secret`, { method: "POST" });

// ── patrols ──
export const patrols = () => all<Patrol>("patrols");
export const addPatrol = (body: Record<string, unknown>) => call<Patrol>("patrols", { method: "POST", body });
export const changePatrol = (item: Patrol, body: Record<string, unknown>) =>
  call<Patrol>(`patrols/${id(item.id)}`, { method: "PATCH", body, headers: match(item) });
export const pairing = (key: string) =>
  call<{ code: string; url: string; expires_at: string }>(`patrols/${id(key)}/pairing`, { method: "POST" });
export const pairPhone = (code: string) => call<unknown>("patrol/pair", { method: "POST", body: { code } });
export const patrolMe = () => call<Patrol>("patrol/me");
export const patrolAssignments = () => call<Page<Assignment>>("patrol/assignments");
export const patrolStep = (assignment: number, step: string, key: string, reason?: string) =>
  call<Assignment>(`patrol/assignments/${assignment}/${step}`, {
    method: "POST",
    body: reason ? { reason } : {},
    headers: { "Idempotency-Key": key },
  });

/** Errands under way, for the list's patrol column. */
export const openAssignments = () => all<Assignment>("assignments?state=queued,delivered,accepted,on_scene");

// ── the system ──
/** A 503 of /readyz carries the same document; it is an answer, not a failure. */
export async function readiness(): Promise<Readiness> {
  const response = await fetch("/readyz", { headers: { Accept: "application/json" } });
  return (await response.json()) as Readiness;
}
export const status = () => call<Status>("status");

function match(item: { row_version: number }): Record<string, string> {
  return { "If-Match": `"${item.row_version}"` };
}
