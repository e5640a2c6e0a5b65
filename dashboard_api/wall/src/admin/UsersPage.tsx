export default function UsersPage(_: { id?: string }) { return null; }
