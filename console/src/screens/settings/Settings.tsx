import { useQuery } from "@tanstack/react-query";
import { ApiError, get } from "../../api/client";
import type { Need } from "../../api/schema";
import { useMay, usePlace } from "../../data";
import { Link, useRoute } from "../../router";
import { Failure, Screen, Section } from "../../ui/kit";
import { NeedLine } from "../../ui/Stops";
import { t, type Word } from "../../words";
import { AccountPart } from "./Account";
import { Audit } from "./Audit";
import { Keys } from "./Keys";
import { Policies } from "./Policies";
import { Yaml } from "./Yaml";

const PARTS = ["account", "policies", "stops", "keys", "audit", "yaml"] as const;
type Part = (typeof PARTS)[number];

export default function Settings() {
  const { account } = usePlace();
  const [, , given] = useRoute();
  const part: Part = (PARTS as readonly string[]).includes(given ?? "") ? (given as Part) : "account";
  const admin = useMay("admin");
  const needsAdmin = part === "keys" || part === "audit";
  const tabs = <nav className="tabs" aria-label={t("nav.settings")}>{PARTS.map((one) => <Link key={one} parts={[account.id, "settings", one]} aria-current={one === part ? "page" : undefined}>{t(`settings.${one}` as Word)}</Link>)}</nav>;
  return (
    <Screen title={t("nav.settings")} back={tabs} state={needsAdmin && !admin ? "forbidden" : "ready"} error={new ApiError(403, "forbidden", "admin", [], null)}>
      {part === "account" ? <AccountPart /> : part === "policies" ? <Policies /> : part === "stops" ? <Stops /> : part === "keys" ? <Keys /> : part === "audit" ? <Audit /> : <Yaml />}
    </Screen>
  );
}

/** What the brake has paused. */
function Stops() {
  const { base } = usePlace();
  const asked = useQuery({ queryKey: [base, "summary"], queryFn: () => get<{ needs: Need[] }>(`${base}/summary`) });
  const stops = (asked.data?.needs ?? []).filter((need) => need.kind === "runaway");
  if (asked.isError) return <Failure error={asked.error} retry={() => void asked.refetch()} />;
  return (
    <Section title={t("settings.stops")} lead={t("stops.lead")}>
      {asked.isSuccess && stops.length === 0 ? <p>✓ {t("stops.none")}</p> : null}
      <ul className="plain-list">{stops.map((need) => <NeedLine key={`${need.document}-${need.id}`} need={need} />)}</ul>
    </Section>
  );
}
