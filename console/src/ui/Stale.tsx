// Somebody else saved meanwhile: both versions side by side, and a person decides.
import { useQuery } from "@tanstack/react-query";
import { get } from "../api/client";
import { t } from "../words";
import { Button, Dialog } from "./kit";

const ADDED = new Set(["id", "revision", "updated_at", "warnings", "warning_details"]);

export function Stale({ path, mine, onOverwrite, onTake, onClose }: { path: string; mine: object; onOverwrite: () => void; onTake: () => void; onClose: () => void }) {
  const theirs = useQuery({ queryKey: ["stale", path], queryFn: () => get<Record<string, unknown>>(path), gcTime: 0, staleTime: 0 });
  const shown = theirs.data ? Object.fromEntries(Object.entries(theirs.data).filter(([name]) => !ADDED.has(name))) : {};
  return (
    <Dialog title={t("stale.title")} onClose={onClose} wide>
      <p>{t("stale.more")}</p>
      <div className="fields">
        <div><h3>{t("stale.mine")}</h3><pre tabIndex={0}>{JSON.stringify(mine, null, 1)}</pre></div>
        <div><h3>{t("stale.theirs")}</h3><pre tabIndex={0}>{JSON.stringify(shown, null, 1)}</pre></div>
      </div>
      <div className="dialog-foot"><Button onClick={onClose}>{t("action.cancel")}</Button><Button onClick={onTake}>{t("stale.take")}</Button><Button kind="main" onClick={onOverwrite}>{t("stale.overwrite")}</Button></div>
    </Dialog>
  );
}
