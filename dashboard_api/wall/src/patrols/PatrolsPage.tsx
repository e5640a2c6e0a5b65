export default function PatrolsPage(_: { id?: string }) { return null; }
