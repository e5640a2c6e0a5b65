// One way to ask the API: JSON in, JSON out, every failure an ApiError with its problem document.

import type { Problem } from "./types";

export const BASE = "/api/v1";

export class ApiError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail || problem.title || `HTTP ${problem.status}`);
    this.problem = problem;
  }

  get status(): number {
    return this.problem.status;
  }

  /** What is wrong with one field of a form, by its JSON pointer's last word. */
  field(name: string): string | undefined {
    return this.problem.errors?.find((error) => error.pointer.split("/").pop() === name)?.detail;
  }

  /** What is wrong at a place such as `schedule.0.start` or `params.dwell_s.person`, and nowhere else. */
  at(place: string): string | undefined {
    const wanted = `/${place.replaceAll(".", "/")}`;
    return this.problem.errors?.find((error) => error.pointer.replaceAll(".", "/") === wanted)?.detail;
  }
}

/** No answer at all: the network or the API is away. */
export class Unreachable extends Error {}

type Listener = () => void;
const signedOut = new Set<Listener>();

export function onSignedOut(listener: Listener): () => void {
  signedOut.add(listener);
  return () => signedOut.delete(listener);
}

export interface Options {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export async function request(path: string, options: Options = {}): Promise<Response> {
  const method = options.method ?? "GET";
  const headers: Record<string, string> = { Accept: "application/json", ...options.headers };
  let body: string | Blob | undefined;
  if (method !== "GET") {
    headers["Content-Type"] ??= "application/json";
    body = typeof options.body === "string" || options.body instanceof Blob ? options.body : JSON.stringify(options.body ?? {});
  }
  let response: Response;
  try {
    response = await fetch(path.startsWith("/") ? path : `${BASE}/${path}`, {
      method,
      headers,
      body: body ?? null,
      signal: options.signal ?? null,
      credentials: "same-origin",
      redirect: "error",
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Unreachable(String(error));
  }
  if (!response.ok) throw await failure(response);
  return response;
}

async function failure(response: Response): Promise<ApiError> {
  let problem: Problem = { status: response.status, title: response.statusText };
  try {
    problem = { ...problem, ...((await response.json()) as Problem), status: response.status };
  } catch {
    // a proxy's HTML page: the status says all there is
  }
  if (response.status === 401) for (const listener of signedOut) listener();
  return new ApiError(problem);
}

export async function call<T>(path: string, options: Options = {}): Promise<T> {
  const response = await request(path, options);
  if (response.status === 204 || response.headers.get("content-length") === "0") return undefined as T;
  return (await response.json()) as T;
}

/** Build a query string; empty values are left out, lists become comma-separated or repeated keys. */
export function query(values: Record<string, string | number | null | undefined | string[]>): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) {
    if (Array.isArray(value)) for (const one of value) params.append(key, one);
    else if (value !== null && value !== undefined && value !== "") params.set(key, String(value));
  }
  const text = params.toString();
  return text ? `?${text}` : "";
}

const PAGE_LIMIT = 500;

/** Read every page of a list, up to `most` items. */
export async function all<T>(path: string, most = 5000): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const joint: string = path.includes("?") ? "&" : "?";
    const tail: string = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
    const page: { items: T[]; next_cursor: string | null } = await call(`${path}${joint}limit=${PAGE_LIMIT}${tail}`);
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor && items.length < most);
  return items;
}
