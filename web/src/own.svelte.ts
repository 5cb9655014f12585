/** What this node says of itself, asked once for all who show it. */

import { Asked } from "./api/asked.svelte";
import { answerOf, api } from "./api/requests";

export const own = new Asked((signal) => answerOf(api.GET("/node/info", { signal })));
