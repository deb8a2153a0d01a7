// The files of the account: pictures, videos and sounds for messages, what shows each, more of them and fewer.
import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { get, type Page, remove } from "../api/client";
import { keep, keepVideo } from "../api/media";
import type { Kept } from "../api/schema";
import { useMay, usePlace } from "../data";
import { Copy } from "../ui/Copy";
import { Remove } from "../ui/document";
import { ACCEPT, type MediaKind } from "../ui/MediaField";
import { Button, Chip, Dialog, Timestamp, Problem, Screen, Select, stateOf } from "../ui/kit";
import { Places } from "../ui/Uses";
import { named, number, t } from "../words";

const KINDS = Object.keys(ACCEPT) as MediaKind[];
const MOST = 10 << 20;
const size = (bytes: number) => (bytes < 1_000_000 ? `${number(Math.max(1, Math.round(bytes / 1000)))} KB` : `${number(Math.round(bytes / 100_000) / 10)} MB`);

export default function Media() {
  const { base } = usePlace();
  const may = useMay("editor");
  const [kind, setKind] = useState("");
  const asked = useInfiniteQuery({
    queryKey: [base, "media", kind],
    initialPageParam: "",
    queryFn: ({ pageParam }) => get<Page<Kept>>(`${base}/media?limit=50${kind ? `&type=${kind}` : ""}${pageParam ? `&cursor=${encodeURIComponent(pageParam)}` : ""}`),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  const items = asked.data?.pages.flatMap((page) => page.items) ?? [];
  const isEmpty = items.length === 0 && !kind;
  return (
    <Screen title={t("nav.media")} state={stateOf(asked, isEmpty)} error={asked.error} retry={() => void asked.refetch()} lead={t("media.lead")} actions={may ? <Upload /> : null} empty={<><h2>{t("media.empty")}</h2><p>{t("media.empty.more")}</p></>}>
      <div className="toolbar"><Select label={t("media.kind")} value={kind} onChange={(event) => setKind(event.target.value)} options={[{ value: "", label: t("folder.all") }, ...KINDS.map((one) => ({ value: one, label: named("message.kind", one) }))]} /></div>
      {items.length === 0 ? <p className="soft">{t("media.none")}</p> : null}
      <ul className="shelf" aria-label={t("nav.media")}>{items.map((one) => <Card key={one.id} one={one} may={may} />)}</ul>
      {asked.hasNextPage ? <Button busy={asked.isFetchingNextPage} onClick={() => void asked.fetchNextPage()}>{t("media.more")}</Button> : null}
    </Screen>
  );
}

/** Several files at a time; what does not fit is reported with its name, and the others go on. */
function Upload() {
  const { base } = usePlace();
  const id = useId();
  const client = useQueryClient();
  const [failed, setFailed] = useState<{ name: string; error: unknown }[]>([]);
  const send = useMutation({
    mutationFn: async (files: File[]) => {
      const wrong: { name: string; error: unknown }[] = [];
      for (const file of files) {
        try {
          if (file.size > MOST) throw t("media.too_large", { size: size(file.size) });
          await (file.type.startsWith("video/") ? keepVideo(base, file) : keep(base, file));
        } catch (error) {
          wrong.push({ name: file.name, error });
        }
      }
      setFailed(wrong);
      await client.invalidateQueries({ queryKey: [base, "media"] });
      return files.length - wrong.length;
    },
  });
  return (
    <div className="upload">
      <div className="field">
        <label htmlFor={id}>{t("media.add")}</label>
        <input id={id} type="file" multiple accept={Object.values(ACCEPT).join(",")} aria-describedby={`${id}-hint`} disabled={send.isPending} onChange={(event) => {
          const files = [...(event.target.files ?? [])];
          event.target.value = "";
          if (files.length) send.mutate(files);
        }} />
        <small id={`${id}-hint`}>{t("media.add.hint")}</small>
        <p role="status" className="soft">{send.isPending ? t("media.sending") : send.data ? `✓ ${t("media.added", { n: send.data })}` : ""}</p>
      </div>
      {failed.map((one) => <div key={one.name}><strong><bdi>{one.name.slice(0, 80)}</bdi></strong> <Problem error={one.error} /></div>)}
    </div>
  );
}

function Card({ one, may }: { one: Kept; may: boolean }) {
  const { base } = usePlace();
  const client = useQueryClient();
  const [isOpen, setOpen] = useState(false);
  const name = `${named("message.kind", one.is_imagemap ? "imagemap" : one.type)} ${one.id.slice(-6)}`;
  const away = useMutation({ mutationFn: () => remove(`${base}/media/${one.id}`), onSuccess: () => client.invalidateQueries({ queryKey: [base, "media"] }) });
  return (
    <li className="panel">
      <button type="button" className="shelf-picture" aria-label={t("open.named", { name })} onClick={() => setOpen(true)}>
        {one.preview_url ? <img src={one.preview_url} alt="" loading="lazy" /> : <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M9 18V6l10-2v12M9 18a2.5 2.5 0 11-5 0 2.5 2.5 0 015 0zM19 16a2.5 2.5 0 11-5 0 2.5 2.5 0 015 0z" /></svg>}
      </button>
      <div className="shelf-facts"><Chip>{named("message.kind", one.is_imagemap ? "imagemap" : one.type)}</Chip> <span className="soft">{size(one.bytes)}</span></div>
      <p className="soft"><Timestamp at={one.at} /></p>
      <p>{one.uses.length ? t("media.used", { n: one.uses.length }) : <span className="soft">{t("uses.none")}</span>}</p>
      {isOpen ? (
        <Dialog title={name} onClose={() => setOpen(false)} wide>
          <Big one={one} name={name} />
          <Copy label={t("media.url")} text={one.url} />
          <h3>{t("uses")}</h3>
          <Places places={one.uses} />
          <div className="dialog-foot">
            {may && one.uses.length === 0 ? <Remove name={name} gone={t("media.gone")} busy={away.isPending} error={away.error} onRemove={() => away.mutate()} /> : null}
            <Button onClick={() => setOpen(false)}>{t("action.close")}</Button>
          </div>
        </Dialog>
      ) : null}
    </li>
  );
}

function Big({ one, name }: { one: Kept; name: string }) {
  if (one.type === "video") return <video className="shelf-big" controls preload="none" poster={one.preview_url ?? undefined} src={one.url} aria-label={name} />;
  if (one.type === "audio") return <audio controls preload="none" src={one.url} aria-label={name} />;
  return <img className="shelf-big" src={one.is_imagemap ? `${one.url}/700` : one.url} alt={name} />;
}
