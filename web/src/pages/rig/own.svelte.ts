/** Which node this is: rigs note what it asked for under its ID. */

import { answerOf, api } from "../../api/requests";

class OwnNode {
  id = $state("");

  /** Ask once; without an answer, IDs are shown as they are. */
  async ask(): Promise<void> {
    if (this.id) return;
    try {
      this.id = (await answerOf(api.GET("/node/info"))).identity?.id ?? "";
    } catch {
      // the page says elsewhere that the node does not answer
    }
  }
}

export const ownNode = new OwnNode();
