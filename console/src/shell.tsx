// The frame around every screen: where one is, whose account it is, what is left of the quota.
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { remove } from "./api/client";
import { usePlace, useQuota } from "./data";
import { go, Link, useRoute } from "./router";
import { Button, Select } from "./ui/kit";
import { forget } from "./signed";
import { choose, language, named, number, t, type Word } from "./words";

const ICONS: Record<string, string> = {
  home: "M3 11l9-7 9 7M5 10v10h14V10M10 20v-6h4v6",
  friends: "M9 11a4 4 0 100-8 4 4 0 000 8zM2 21c0-4 3-6 7-6s7 2 7 6M17 4a4 4 0 010 7M22 21c0-3-1.5-5-4-5.7",
  chat: "M4 5h16v11H9l-5 4z",
  segments: "M3 5h18l-7 8v6l-4-2v-4z",
  broadcasts: "M4 10v4l11 5V5zM15 8c3 0 5 2 5 4s-2 4-5 4M6 15l1 5h3l-1-4",
  messages: "M4 4h16v16H4zM8 9h8M8 13h8M8 17h5",
  routes: "M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h2v2h-2zM18 18h2v2h-2zM18 14h2M14 18v2",
  forms: "M6 3h12v18H6zM9 8h.01M12 8h3M9 12h.01M12 12h3M9 16h.01M12 16h3",
  scenarios: "M5 3h6v5H5zM13 16h6v5h-6zM8 8v5h8v3",
  labels: "M3 12V4h8l10 10-8 7z M7.5 8.5h.01",
  rules: "M13 2L4 14h7l-1 8 9-12h-7z",
  links: "M10 14a4 4 0 005.7 0l3-3a4 4 0 00-5.7-5.7l-1 1M14 10a4 4 0 00-5.7 0l-3 3a4 4 0 005.7 5.7l1-1",
  narrowcasts: "M12 21a9 9 0 100-18 9 9 0 000 18zM12 16a4 4 0 100-8 4 4 0 000 8zM12 12h.01",
  audiences: "M8 11a3.5 3.5 0 100-7 3.5 3.5 0 000 7zM2 20c0-3.5 2.5-5.5 6-5.5s6 2 6 5.5M17 9v6M14 12h6",
  coupons: "M4 7h16v3a2 2 0 000 4v3H4v-3a2 2 0 000-4zM10 7v10",
  menus: "M4 4h16v16H4zM4 12h16M12 12v8",
  members: "M4 5h16v14H4zM9 12a2 2 0 100-4 2 2 0 000 4zM6 16c0-2 1.4-3 3-3s3 1 3 3M15 9h3M15 13h3",
  reservations: "M4 6h16v14H4zM4 10h16M8 3v4M16 3v4M8 14h3",
  schedules: "M12 21a9 9 0 100-18 9 9 0 000 18zM12 7v5l3 3",
  reports: "M4 20V10M10 20V4M16 20v-7M21 20H3",
  site: "M12 21a9 9 0 100-18 9 9 0 000 18zM3 12h18M12 3c3 3 3 15 0 18M12 3c-3 3-3 15 0 18",
  media: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9h.01",
  settings: "M12 15a3 3 0 100-6 3 3 0 000 6zM4 12h2M18 12h2M12 4v2M12 18v2M6.3 6.3l1.5 1.5M16.2 16.2l1.5 1.5M17.7 6.3l-1.5 1.5M7.8 16.2l-1.5 1.5",
};
/** The screens as the navigation groups them. */
const GROUPS: Record<string, string[]> = {
  start: ["home"],
  people: ["friends", "chat", "segments", "audiences", "members", "reservations"],
  sending: ["broadcasts", "narrowcasts", "scenarios", "messages", "rules", "schedules"],
  places: ["menus", "links", "coupons", "routes", "forms", "site"],
  insight: ["reports"],
  house: ["labels", "media", "settings"],
};

export function Logo() {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8" fill="#127a63" /><path d="M8 16l16-7-5 15-4-6z" fill="#fff" /></svg>
  );
}

export function LanguageChoice() {
  return <Select label={t("shell.language")} hideLabel value={language} onChange={(event) => choose(event.target.value === "en" ? "en" : "ja")} options={[{ value: "ja", label: "日本語" }, { value: "en", label: "English" }]} />;
}

export function Shell({ children }: { children: ReactNode }) {
  const { me, account, accounts } = usePlace();
  const [, screen = "home"] = useRoute();
  const queries = useQueryClient();
  const search = useRef<HTMLInputElement>(null);
  const [text, setText] = useState("");
  useEffect(() => {
    const jump = (event: KeyboardEvent) => {
      const at = event.target as HTMLElement;
      if (event.key !== "/" || event.isComposing || at.closest("input, textarea, select, [contenteditable]")) return;
      event.preventDefault();
      search.current?.focus();
    };
    addEventListener("keydown", jump);
    return () => removeEventListener("keydown", jump);
  }, []);
  const leave = async () => {
    await remove("/session").catch(() => undefined);
    queries.clear();
    forget();
    location.hash = "#/sign-in";
    location.reload();
  };
  return (
    <div className="frame">
      <a className="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById("main")?.focus(); }}>{t("shell.skip")}</a>
      <header className="top">
        <Link className="brand" parts={[account.id, "home"]} aria-label={t("shell.home")}><Logo /><span>Todoku</span></Link>
        <Select label={t("shell.account")} value={account.id} onChange={(event) => go(event.target.value, "home")} options={accounts.map((one) => ({ value: one.id, label: one.name.slice(0, 40) }))} />
        <form className="search grow" role="search" onSubmit={(event) => { event.preventDefault(); location.hash = `#/${encodeURIComponent(account.id)}/friends?q=${encodeURIComponent(text)}`; }}>
          <div className="field"><label htmlFor="search">{t("shell.search")}</label><input id="search" ref={search} type="search" placeholder={t("shell.search.hint")} value={text} maxLength={100} onChange={(event) => setText(event.target.value)} /></div>
        </form>
        <QuotaLeft />
        <span className="chip" title={me.name}>{named("role", me.role)}</span>
        <LanguageChoice />
        <Button kind="quiet" onClick={leave}>{t("shell.leave")}</Button>
      </header>
      <nav className="nav" aria-label={t("shell.nav")}>
        {Object.entries(GROUPS).map(([group, screens]) => (
          <section key={group} aria-label={t(`nav.group.${group}` as Word)}>
            <p aria-hidden="true">{t(`nav.group.${group}` as Word)}</p>
            <ul>
              {screens.map((name) => (
                <li key={name}>
                  <Link parts={[account.id, name]} aria-current={screen === name ? "page" : undefined}><svg viewBox="0 0 24 24" aria-hidden="true"><path d={ICONS[name]} /></svg>{t(`nav.${name}` as Word)}</Link>
                </li>
              ))}
            </ul>
          </section>
        ))}
      </nav>
      {children}
    </div>
  );
}

function QuotaLeft() {
  const quota = useQuota().data;
  if (!quota) return <div className="quota" />;
  const limit = quota.limit;
  return (
    <div className="quota">
      <span>{t("shell.quota")} <strong>{quota.left === null ? (quota.used === null ? t("shell.quota.unknown") : t("shell.quota.none")) : number(quota.left)}</strong>{limit === null ? null : ` / ${number(limit)}`}</span>
      {limit === null || quota.left === null ? null : <meter min={0} max={limit || 1} value={quota.left} aria-label={t("shell.quota")} />}
    </div>
  );
}
