// An address as a QR code, to look at and for print.
import { useMutation } from "@tanstack/react-query";
import { file, PREFIX, save } from "../api/client";
import { t } from "../words";
import { Button, Problem } from "./kit";

const SCALE = { svg: 10, png: 20 };
type Format = keyof typeof SCALE;

/** `path`: where the API draws it. `name`: what a kept file is called. */
export function Qr({ path, name }: { path: string; name: string }) {
  const at = (format: Format) => `${path}${path.includes("?") ? "&" : "?"}format=${format}&scale=${SCALE[format]}`;
  const keep = useMutation({
    mutationFn: async (format: Format) => save(await file(at(format), format === "png" ? "image/png" : "image/svg+xml"), `${name.replace(/[^\p{L}\p{N}_-]+/gu, "_").slice(0, 60)}-qr.${format}`),
  });
  return (
    <div className="qr">
      <img src={`${PREFIX}/v1${at("svg")}`} alt={t("qr.of", { name: name.slice(0, 60) })} />
      <div className="actions">
        {(["svg", "png"] as const).map((format) => <Button key={format} busy={keep.isPending} onClick={() => keep.mutate(format)}>{t(`qr.${format}`)}</Button>)}
      </div>
      <Problem error={keep.error} />
    </div>
  );
}
