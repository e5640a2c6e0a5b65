export default function CamerasPage(_: { id?: string }) { return null; }
