// Who names a document: what is listed here keeps it from being deleted.
import { useQuery } from "@tanstack/react-query";
import { all } from "../api/client";
import type { Use } from "../api/schema";
import { usePlace } from "../data";
import { Link } from "../router";
import { named, t } from "../words";
import { Problem, Section, Words } from "./kit";

const SCREENS: Record<string, string> = { "rich-menus": "menus", ...Object.fromEntries(["rules", "scenarios", "messages", "segments", "forms", "broadcasts", "links", "coupons", "routes"].map((kind) => [kind, kind])) };

export function UseList({ kind, id }: { kind: string; id: string }) {
  const { base } = usePlace();
  const asked = useQuery({ queryKey: [base, "uses", kind, id], queryFn: () => all<Use>(`${base}/${kind}/${id}/uses`, 400) });
  const places = [...new Map((asked.data ?? []).map((use) => [`${use.kind}/${use.id}`, use])).values()];
  return (
    <>
      <Problem error={asked.error} />
      {asked.isSuccess ? <Places places={places} /> : null}
    </>
  );
}

/** What names something, as links where there is a screen for it. */
export function Places({ places }: { places: { kind: string; id: string; name: string }[] }) {
  const { account } = usePlace();
  return (
    <ul className="plain-list" aria-label={t("uses")}>
      {places.length ? null : <li className="soft">{t("uses.none")}</li>}
      {places.map((use) => (
        <li key={`${use.kind}/${use.id}`}>
          <span className="soft">{named("document", use.kind)}</span> {SCREENS[use.kind] ? <Link parts={[account.id, SCREENS[use.kind] ?? use.kind, use.id]}><Words text={use.name} most={60} /></Link> : <Words text={use.name} most={60} />}
        </li>
      ))}
    </ul>
  );
}

export const Uses = ({ kind, id }: { kind: string; id: string }) => <Section title={t("uses")} lead={t("uses.lead")}><UseList kind={kind} id={id} /></Section>;
