export default function UnitsPage(_: { id?: string }) { return null; }
