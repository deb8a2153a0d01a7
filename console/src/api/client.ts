// Every call to the API goes through here: same origin, the session's cookie, errors as values with their fields.
import { language } from "../words";


export interface Detail {
  path: string;
  message: string;
}

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: Detail[],
    readonly currentRevision: number | null,
  ) {
    super(message);
  }

  /** What is reported of the fields whose path begins so. */
  about(path: string): string | undefined {
    return this.details.find((detail) => detail.path === path || detail.path.startsWith(`${path}.`) || detail.path.startsWith(`${path}[`))?.message;
  }
}

export const PREFIX = (document.documentElement.dataset.prefix ?? "").replace("__TODOKU_PREFIX__", "");
const listeners = new Set<() => void>();

/** Be called when the session is over. */
export function onSignedOut(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export interface Options {
  body?: unknown;
  headers?: Record<string, string>;
  text?: string;
  type?: string;
  file?: Blob;
  signal?: AbortSignal;
}

export interface Answer<T> {
  status: number;
  body: T;
}

/** One call; throws ApiError for every answer that is not 2xx, with status 0 when nobody answered. */
export async function ask<T>(method: string, path: string, options: Options = {}): Promise<Answer<T>> {
  // Whys come in the language of the page, not the browser's.
  const headers: Record<string, string> = { "X-Todoku-Console": "1", "Accept-Language": language, ...options.headers };
  let sent: string | Blob | undefined;
  if (options.file !== undefined) {
    headers["Content-Type"] = options.file.type;
    sent = options.file;
  } else if (options.text !== undefined) {
    headers["Content-Type"] = options.type ?? "text/plain";
    sent = options.text;
  } else if (options.body !== undefined || method === "POST" || method === "PUT" || method === "PATCH") {
    headers["Content-Type"] = "application/json";
    sent = options.body === undefined ? undefined : JSON.stringify(options.body);
  }
  let response: Response;
  try {
    response = await fetch(`${PREFIX}/v1${path}`, { method, headers, body: sent, credentials: "same-origin", signal: options.signal });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "offline", String(error), [], null);
  }
  const text = await response.text();
  const body = parsed(text);
  if (response.ok) return { status: response.status, body: body as T };
  throw refusal(response, body);
}

/** What an answer that is not 2xx says. */
function refusal(response: Response, body: unknown): ApiError {
  const error = (body as { error?: Record<string, unknown> } | null)?.error ?? {};
  if (response.status === 401) for (const listener of listeners) listener();
  return new ApiError(
    response.status,
    String(error.code ?? "internal"),
    String(error.message ?? response.statusText),
    (error.details as Detail[] | undefined) ?? [],
    (error.current_revision as number | undefined) ?? null,
  );
}

function parsed(text: string): unknown {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return text;
  }
}

export const get = async <T>(path: string, signal?: AbortSignal) => (await ask<T>("GET", path, { signal })).body;
export const post = async <T>(path: string, body?: unknown, headers?: Record<string, string>) => (await ask<T>("POST", path, { body, headers })).body;
export const put = async <T>(path: string, body: unknown, headers?: Record<string, string>) => (await ask<T>("PUT", path, { body, headers })).body;
export const patch = async <T>(path: string, body: unknown) => (await ask<T>("PATCH", path, { body })).body;
export const remove = async <T>(path: string) => (await ask<T>("DELETE", path)).body;

/** A file as the browser keeps it. */
export async function file(path: string, type: string): Promise<Blob> {
  const response = await fetch(`${PREFIX}/v1${path}`, { headers: { "X-Todoku-Console": "1", "Accept-Language": language, Accept: type }, credentials: "same-origin" });
  if (!response.ok) throw refusal(response, parsed(await response.text()));
  return response.blob();
}

/** Have the browser keep it. */
export function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

/** Every item of a list. */
export async function all<T>(path: string, most = 5000): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | null = null;
  do {
    const more: string = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
    const page: Page<T> = await get<Page<T>>(`${path}${path.includes("?") ? "&" : "?"}limit=200${more}`);
    found.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor && found.length < most);
  return found;
}

export const enc = encodeURIComponent;

/** An id for something new: nobody types one. */
export function newId(kind: string): string {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return `${kind}-${[...bytes].map((byte) => byte.toString(36).padStart(2, "0")).join("").slice(0, 12)}`;
}
