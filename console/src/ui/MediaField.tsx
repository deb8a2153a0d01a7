// Choose a file from this computer; what comes back is its address. An address of somewhere else may be given by hand.
import { useMutation } from "@tanstack/react-query";
import { useId } from "react";
import { keep, keepVideo } from "../api/media";
import type { Media } from "../api/schema";
import { usePlace } from "../data";
import { number, t } from "../words";
import { Field, Problem } from "./kit";

export const ACCEPT = { image: "image/jpeg,image/png", video: "video/mp4", audio: "audio/mpeg,audio/mp4,audio/x-m4a,.m4a" };
export type MediaKind = keyof typeof ACCEPT;

export function useKeep(kind: MediaKind, query = "") {
  const { base } = usePlace();
  return useMutation({ mutationFn: (file: File) => (kind === "video" ? keepVideo(base, file) : keep(base, file, query)) });
}

interface Props {
  label: string;
  kind: MediaKind;
  url: string;
  /** The picture that stands for it; nothing is shown without one. */
  thumbnail?: string;
  query?: string;
  error?: string;
  onMade: (media: Media) => void;
  onUrl?: (url: string) => void;
}

export function MediaField({ label, kind, url, thumbnail, query, error, onMade, onUrl }: Props) {
  const id = useId();
  const kept = useKeep(kind, query);
  const isThere = /^https?:\/\/./.test(url);
  return (
    <div className="media-field">
      {isThere && thumbnail ? <img src={thumbnail} alt={t("media.thumbnail")} /> : null}
      <div className="field">
        <label htmlFor={id}>{label}</label>
        <input id={id} type="file" accept={ACCEPT[kind]} aria-describedby={`${id}-hint`} disabled={kept.isPending} onChange={(event) => {
          const [file] = event.target.files ?? [];
          if (file) kept.mutate(file, { onSuccess: onMade });
          event.target.value = "";
        }} />
        <small id={`${id}-hint`}>{t(`media.${kind}.hint`)}</small>
        <p role="status" className="soft">{kept.isPending ? t("media.sending") : kept.data && kept.data.url === url ? `✓ ${t("media.kept", { size: number(Math.max(1, Math.round(kept.data.bytes / 1000))) })}` : ""}</p>
        <Problem error={kept.error} />
        {error ? <small className="problem" role="alert">{error}</small> : null}
        {onUrl ? (
          <details>
            <summary>{t("media.by_address")}</summary>
            <Field label={t("media.address", { of: label })} type="url" value={url} onChange={(event) => onUrl(event.target.value)} />
          </details>
        ) : null}
      </div>
    </div>
  );
}
