// Somebody else saved meanwhile: where both versions differ, side by side, and a person decides.
import { useQuery } from "@tanstack/react-query";
import { get } from "../api/client";
import { isWord, t } from "../words";
import { Button, Dialog } from "./kit";

const ADDED = new Set(["id", "revision", "updated_at", "warnings", "warning_details"]);

const shown = (value: unknown) => (value === undefined || value === null ? "—" : typeof value === "string" ? value : JSON.stringify(value, null, 1));

/** What a field is called; one without a word of its own stays what it is. */
function labelOf(name: string): string {
  const word = `field.${name}`;
  return isWord(word) ? t(word) : name;
}

export function Stale({ path, mine, onOverwrite, onTake, onClose }: { path: string; mine: object; onOverwrite: () => void; onTake: () => void; onClose: () => void }) {
  const theirs = useQuery({ queryKey: ["stale", path], queryFn: () => get<Record<string, unknown>>(path), gcTime: 0, staleTime: 0 });
  const own = mine as Record<string, unknown>;
  const kept = Object.fromEntries(Object.entries(theirs.data ?? {}).filter(([name]) => !ADDED.has(name)));
  // What only the server says (a status, a count) is no difference.
  const names = Object.keys(own).concat(Object.keys(kept).filter((name) => name in own || isWord(`field.${name}`)));
  const different = [...new Set(names)].filter((name) => shown(own[name]) !== shown(kept[name]));
  return (
    <Dialog title={t("stale.title")} onClose={onClose} wide>
      <p>{t("stale.more")}</p>
      {theirs.data ? (
        <div className="scroll"><table className="compare">
          <thead><tr><th scope="col">{t("stale.field")}</th><th scope="col">{t("stale.mine")}</th><th scope="col">{t("stale.theirs")}</th></tr></thead>
          <tbody>{different.map((name) => <tr key={name}><th scope="row">{labelOf(name)}</th><td><pre tabIndex={0}>{shown(own[name])}</pre></td><td><pre tabIndex={0}>{shown(kept[name])}</pre></td></tr>)}</tbody>
        </table></div>
      ) : <p className="soft">{t("state.loading")}</p>}
      {theirs.data && different.length === 0 ? <p>{t("stale.same")}</p> : null}
      <div className="dialog-foot"><Button onClick={onClose}>{t("action.cancel")}</Button><Button onClick={onTake}>{t("stale.take")}</Button><Button kind="main" onClick={onOverwrite}>{t("stale.overwrite")}</Button></div>
    </Dialog>
  );
}
