// The words of the simulator's renderer that a preview shows.
import { t } from "../words";

export const words = { unsupported: t("phone.unsupported"), location: t("phone.location"), coupon: t("phone.coupon"), closed: t("phone.closed"), menu: t("phone.menu") };
