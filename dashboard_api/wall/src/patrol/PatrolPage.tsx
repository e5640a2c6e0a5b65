export function PatrolPage(_: { speak: unknown }) { return null; }
