import { describe, expect, it } from "vitest";
import { AlgorithmOrder } from "./algorithms";

/** A fleet in which so many rigs hash each algorithm. */
function fleet(hashing: Record<string, number>, others: readonly string[] = []) {
  const hashrate = Object.fromEntries([...Object.keys(hashing), ...others].map((name) => [name, 1]));
  return { hashing, hashrate, efficiency: {} };
}

describe("the order of algorithms", () => {
  it("is by how many rigs hash them, then by name: what one rig makes up comes last, whatever it is called", () => {
    const totals = fleet({ "0": 1, "!": 1, "kawpow": 3, "rx/0": 900, "gr": 3 }, ["toString"]);
    expect(new AlgorithmOrder().of(totals)).toEqual(["rx/0", "gr", "kawpow", "!", "0", "toString"]);
  });

  it("stays while counts cross by a little, and is made anew once one is clearly ahead", () => {
    const order = new AlgorithmOrder();
    order.of(fleet({ "rx/0": 500, "gr": 490, "kawpow": 1 }));
    expect(order.of(fleet({ "rx/0": 490, "gr": 500, "kawpow": 2 }))).toEqual(["rx/0", "gr", "kawpow"]);
    expect(order.of(fleet({ "rx/0": 420, "gr": 500, "kawpow": 2 }))).toEqual(["rx/0", "gr", "kawpow"]);
    expect(order.of(fleet({ "rx/0": 416, "gr": 500, "kawpow": 2 }))).toEqual(["gr", "rx/0", "kawpow"]);
    expect(order.of(fleet({ "rx/0": 500, "gr": 500, "kawpow": 2 }))).toEqual(["gr", "rx/0", "kawpow"]);
  });

  it("of few rigs does not swap for one", () => {
    const order = new AlgorithmOrder();
    order.of(fleet({ "a": 2, "b": 1 }));
    expect(order.of(fleet({ "a": 1, "b": 2 }))).toEqual(["a", "b"]);
    expect(order.of(fleet({ "a": 1, "b": 3 }))).toEqual(["b", "a"]);
  });

  it("takes in what is new at its place, and nothing else moves for it; a rig that changes its name all the time moves nothing", () => {
    const order = new AlgorithmOrder();
    order.of(fleet({ "rx/0": 500, "gr": 490 }));
    expect(order.of(fleet({ "rx/0": 490, "gr": 500, "kawpow": 495, "!": 1 }))).toEqual(["kawpow", "rx/0", "gr", "!"]);
    expect(order.of(fleet({ "rx/0": 490, "gr": 500, "0": 1 }))).toEqual(["rx/0", "gr", "0"]);
  });

  it("lets nothing hide behind one of many that differ by little: the last is compared with all before", () => {
    const order = new AlgorithmOrder();
    order.of(fleet({ "a": 9, "b": 8, "c": 7, "d": 6 }));
    expect(order.of(fleet({ "a": 1, "b": 2, "c": 2, "d": 3 }))).toEqual(["d", "b", "c", "a"]);
  });
});
