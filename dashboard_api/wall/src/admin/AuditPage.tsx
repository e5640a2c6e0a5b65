export default function AuditPage(_: { id?: string }) { return null; }
