export default function StatusPage(_: { id?: string }) { return null; }
