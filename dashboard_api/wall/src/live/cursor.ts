// The feed's cursor: "transaction-sequence", ordered by transaction first.

export function isNewer(cursor: string, than: string | null): boolean {
  if (than === null) return true;
  const [tx, seq] = parts(cursor);
  const [oldTx, oldSeq] = parts(than);
  return tx > oldTx || (tx === oldTx && seq > oldSeq);
}

function parts(cursor: string): [bigint, bigint] {
  const match = /^(\d+)-(\d+)$/.exec(cursor);
  return match ? [BigInt(match[1]!), BigInt(match[2]!)] : [0n, 0n];
}
