// Folders of a list: a word that documents share. One is looked at, or all.
import { useId, useState } from "react";
import { useNames } from "../data";
import { t } from "../words";
import { Field, Select } from "./kit";

interface InFolder {
  folder?: string | null;
}

export interface Found<T> {
  items: T[];
  names: string[];
  chosen: string;
  choose: (name: string) => void;
}

const NONE = "-";

/** What is in the chosen folder, and which folders there are. */
export function useFolders<T extends InFolder>(every: T[]): Found<T> {
  const [chosen, choose] = useState("");
  const names = [...new Set(every.flatMap((one) => (one.folder ? [one.folder] : [])))].sort((a, b) => a.localeCompare(b, "ja"));
  const isThere = chosen === NONE || names.includes(chosen);
  const items = isThere ? every.filter((one) => (chosen === NONE ? !one.folder : one.folder === chosen)) : every;
  return { items, names, chosen: isThere ? chosen : "", choose };
}

export function Folders<T>({ of }: { of: Found<T> }) {
  if (of.names.length === 0) return null;
  return <Select label={t("label.folder")} value={of.chosen} onChange={(event) => of.choose(event.target.value)} options={[{ value: "", label: t("folder.all") }, ...of.names.map((one) => ({ value: one, label: one })), { value: NONE, label: t("folder.none") }]} />;
}

/** A folder by its name, with those that there are to choose from. */
export function FolderField({ kind, value, set, error }: { kind: string; value?: string | null; set: (folder: string) => void; error?: string }) {
  const names = useNames();
  const id = useId();
  const known = [...new Set((names[kind] ?? []).flatMap((one) => (one.more.folder ? [one.more.folder] : [])))];
  return (
    <>
      <Field label={t("label.folder")} list={id} maxLength={100} value={value ?? ""} error={error} autoComplete="off" onChange={(event) => set(event.target.value)} />
      <datalist id={id}>{known.map((one) => <option key={one} value={one} />)}</datalist>
    </>
  );
}
