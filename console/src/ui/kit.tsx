// The few parts that every screen is made of.
import { useEffect, useId, useState, type ButtonHTMLAttributes, type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, type TextareaHTMLAttributes } from "react";
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from "react-aria-components";
import { ApiError } from "../api/client";
import { t, named, time, zoneName, type Word } from "../words";

export type State = "loading" | "ready" | "empty" | "error" | "forbidden";

/** A screen: its heading, what can be done, and one of five states that a program can read. */
export function Screen(props: { title: string; state: State; error?: unknown; retry?: () => void; actions?: ReactNode; back?: ReactNode; lead?: ReactNode; empty?: ReactNode; children?: ReactNode; wide?: boolean }) {
  const { title, state, error } = props;
  useEffect(() => {
    document.title = `${title} · Todoku`;
  }, [title]);
  return (
    <main id="main" data-state={state} className={props.wide ? "screen wide" : "screen"} tabIndex={-1} aria-busy={state === "loading"}>
      {props.back}
      <header className="screen-head">
        <div>
          <h1>{title}</h1>
          {props.lead ? <p className="lead">{props.lead}</p> : null}
        </div>
        <div className="actions">{state === "ready" || state === "empty" ? props.actions : null}</div>
      </header>
      {state === "loading" ? <Skeleton /> : null}
      {state === "error" ? <Failure error={error} retry={props.retry} /> : null}
      {state === "forbidden" ? <Forbidden error={error} /> : null}
      {state === "empty" ? <div className="empty">{props.empty}</div> : null}
      {state === "ready" ? props.children : null}
    </main>
  );
}

interface Asked {
  isPending: boolean;
  isError: boolean;
  error: unknown;
  data?: unknown;
}

/** The state of a screen from what it asked for. */
export function stateOf(asked: Asked, isEmpty = false): State {
  if (asked.data !== undefined && !asked.isError) return isEmpty ? "empty" : "ready";
  if (asked.isError) return asked.error instanceof ApiError && asked.error.status === 403 ? "forbidden" : "error";
  return "loading";
}

function Skeleton() {
  return (
    <div className="skeleton" role="status">
      <span className="hidden">{t("state.loading")}</span>
      <i /><i /><i /><i />
    </div>
  );
}

export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  return (
    <div className="panel failure" role="alert">
      <h2>{t("state.error")}</h2>
      <p>{messageOf(error)}</p>
      {retry ? <Button onClick={retry}>{t("action.retry")}</Button> : null}
    </div>
  );
}

export function Forbidden({ error }: { error: unknown }) {
  return (
    <div className="panel failure" role="alert">
      <h2>{t("state.forbidden")}</h2>
      <p>{t("state.forbidden.more", { role: roleNeeded(error) })}</p>
      <p className="soft">{messageOf(error)}</p>
    </div>
  );
}

function roleNeeded(error: unknown): string {
  const found = error instanceof ApiError ? /\b(viewer|editor|publisher|admin)\b/.exec(error.message)?.[1] : undefined;
  return named("role", found ?? "publisher");
}

export function messageOf(error: unknown): string {
  if (!(error instanceof ApiError)) return String(error);
  if (error.status === 0) return t("error.offline");
  if (error.status === 503) return `${t("error.unavailable")} (${error.message})`;
  return error.message;
}

/** What went wrong with an action, beside it. */
export function Problem({ error }: { error: unknown }) {
  if (!error) return null;
  if (error instanceof ApiError && error.status === 403) {
    return <p className="problem" role="alert">{t("state.forbidden.more", { role: roleNeeded(error) })} <span className="soft">{error.message}</span></p>;
  }
  return <p className="problem" role="alert">{messageOf(error)}</p>;
}

type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & { kind?: "main" | "quiet" | "danger" | "plain"; busy?: boolean };

export function Button({ kind = "plain", busy, className, disabled, ...rest }: ButtonProps) {
  return <button type="button" className={`button ${kind} ${className ?? ""}`} disabled={disabled || busy} aria-busy={busy || undefined} {...rest} />;
}

interface Labelled {
  label: string;
  hint?: ReactNode;
  error?: string;
  hideLabel?: boolean;
}

function Around({ label, hint, error, hideLabel, id, children }: Labelled & { id: string; children: ReactNode }) {
  return (
    <div className={`field ${error ? "wrong" : ""}`}>
      <label htmlFor={id} className={hideLabel ? "hidden" : undefined}>{label}</label>
      {children}
      {hint ? <small id={`${id}-hint`}>{hint}</small> : null}
      {error ? <small id={`${id}-error`} className="problem" role="alert">{error}</small> : null}
    </div>
  );
}

const about = (id: string, { hint, error }: Labelled) => [hint ? `${id}-hint` : "", error ? `${id}-error` : ""].filter(Boolean).join(" ") || undefined;

export function Field({ label, hint, error, hideLabel, ...rest }: Labelled & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId();
  return (
    <Around {...{ label, hint, error, hideLabel, id }}>
      <input id={id} aria-describedby={about(id, { label, hint, error })} aria-invalid={error ? true : undefined} {...rest} />
    </Around>
  );
}

export function Area({ label, hint, error, hideLabel, ...rest }: Labelled & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  const id = useId();
  return (
    <Around {...{ label, hint, error, hideLabel, id }}>
      <textarea id={id} aria-describedby={about(id, { label, hint, error })} aria-invalid={error ? true : undefined} {...rest} />
    </Around>
  );
}

export interface Option {
  value: string;
  label: string;
}

export function Select({ label, hint, error, hideLabel, options, ...rest }: Labelled & { options: Option[] } & SelectHTMLAttributes<HTMLSelectElement>) {
  const id = useId();
  return (
    <Around {...{ label, hint, error, hideLabel, id }}>
      <select id={id} aria-describedby={about(id, { label, hint, error })} {...rest}>
        {options.map((option) => (
          <option key={option.value} value={option.value}>{option.label}</option>
        ))}
      </select>
    </Around>
  );
}

export function Check({ label, ...rest }: { label: string } & InputHTMLAttributes<HTMLInputElement>) {
  return (
    <label className="check">
      <input type="checkbox" {...rest} />
      <span>{label}</span>
    </label>
  );
}

/** A dialog over the page; Escape and the button close it. */
export function Dialog({ title, onClose, children, wide }: { title: string; onClose: () => void; children: ReactNode; wide?: boolean }) {
  return (
    <ModalOverlay isOpen isDismissable onOpenChange={(open) => open || onClose()} className="overlay">
      <Modal className={wide ? "modal wide" : "modal"}>
        <AriaDialog className="dialog">
          <Heading slot="title">{title}</Heading>
          {children}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

const ICONS = { up: "M12 19V5M5 12l7-7 7 7", down: "M12 5v14M5 12l7 7 7-7", copy: "M9 9h11v11H9zM5 15H4V4h11v1", remove: "M6 6l12 12M18 6L6 18" };

export function Icon({ name }: { name: keyof typeof ICONS }) {
  return <svg className="icon" viewBox="0 0 24 24" aria-hidden="true"><path d={ICONS[name]} /></svg>;
}

export function Chip({ children, tone = "plain" }: { children: ReactNode; tone?: string }) {
  return <span className={`chip ${tone}`}>{children}</span>;
}

const TONES: Record<string, string> = { sending: "live", planning: "live", settling: "live", scheduled: "info", paused: "warn", awaiting_approval: "warn", missed: "warn", failed: "bad", done: "good", cancelled: "plain", following: "good", blocked: "bad" };

/** A state by word and mark, never by colour alone. */
export function Status({ of, group }: { of: string; group: string }) {
  return <span className={`status ${TONES[of] ?? "plain"}`}><i aria-hidden="true" />{named(group, of)}</span>;
}

export function Timestamp({ at }: { at: string | null | undefined }) {
  return at ? <time dateTime={at} title={`${at} (${zoneName()})`}>{time(at)}</time> : <span>—</span>;
}

export function Section({ title, children, actions, lead }: { title: string; children: ReactNode; actions?: ReactNode; lead?: ReactNode }) {
  return (
    <section className="panel">
      <div className="panel-head">
        <h2>{title}</h2>
        <div className="actions">{actions}</div>
      </div>
      {lead ? <p className="soft">{lead}</p> : null}
      {children}
    </section>
  );
}

/** Text of somebody else: never markup, its direction kept to itself, its length within bounds. */
export function Words({ text, most = 200 }: { text: string | null | undefined; most?: number }) {
  const shown = text && text.length > most ? `${text.slice(0, most)}…` : text;
  return <bdi title={text && text.length > most ? text.slice(0, 1000) : undefined}>{shown || t("friend.unnamed")}</bdi>;
}

export function Avatar({ name }: { name: string | null }) {
  const first = [...(name?.trim() ?? "")][0] ?? "?";
  const tint = ["a", "b", "c", "d", "e", "f"][[...(name ?? "?")].reduce((sum, one) => (sum * 31 + (one.codePointAt(0) ?? 0)) % 9973, 7) % 6];
  return <span className={`avatar tint-${tint}`} aria-hidden="true">{first}</span>;
}

/** What is on the page survives a reload: kept in this browser until it is sent or thrown away. */
export function useDraft<T>(name: string, first: T): [T, (next: T | ((was: T) => T)) => void, () => void, boolean] {
  const key = `todoku.draft.${name}`;
  const [found] = useState(() => readDraft<T>(key));
  const [value, setValue] = useState<T>(found ?? first);
  const set = (next: T | ((was: T) => T)) =>
    setValue((was) => {
      const made = typeof next === "function" ? (next as (was: T) => T)(was) : next;
      writeDraft(name, made);
      return made;
    });
  const forget = () => {
    try {
      localStorage.removeItem(key);
    } catch {
      // As above.
    }
  };
  return [value, set, forget, found !== null];
}

export function writeDraft(name: string, draft: unknown): void {
  try {
    localStorage.setItem(`todoku.draft.${name}`, JSON.stringify(draft));
  } catch {
    // A full or forbidden storage: the draft lives as long as the page.
  }
}

function readDraft<T>(key: string): T | null {
  try {
    const text = localStorage.getItem(key);
    return text ? (JSON.parse(text) as T) : null;
  } catch {
    return null;
  }
}

export function useLater<T>(value: T, ms: number): T {
  const [late, setLate] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setLate(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return late;
}

export type { Word };
