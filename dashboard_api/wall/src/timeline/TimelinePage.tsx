export default function TimelinePage(_: { id?: string }) { return null; }
