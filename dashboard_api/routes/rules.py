"""Rules of cameras: zones and tripwires, in versions."""

from typing import Any

from fastapi import Response

from dashboard_api import policy as who
from dashboard_api.context import Here
from dashboard_api.policy import Access, Allowed, policy
from dashboard_api.routes import router
from dashboard_api.schemas.cameras import RuleInput, RuleItem, RuleList
from dashboard_api.shapes import rule_item
from models.camera import Camera, Rule, RuleKind
from models.errors import BadInput, Conflict
from models.store import audit, cameras

routes = router("rules")

PER_CAMERA_MAX = 64
AREA_MIN = 1e-4
"""A zone smaller than a hundredth of the picture's width and height squared is a slip of the hand."""


@routes.get("/cameras/{camera_id}/rules", response_model=RuleList)
@policy(who.EVERYBODY, noun="rules", object="camera")
def list_rules(here: Here, camera_id: str, access: Allowed) -> dict[str, Any]:
    """List the rules that stand now."""
    with here.store.transaction() as conn:
        return {"items": [rule_item(rule) for rule in cameras.rules(conn, camera_id)], "next_cursor": None}


@routes.post("/cameras/{camera_id}/rules", status_code=201, response_model=RuleItem)
@policy(who.ENGINEERS, noun="rules", object="camera")
def create_rule(here: Here, response: Response, camera_id: str, access: Allowed, body: RuleInput) -> dict[str, Any]:
    """Add a rule; it stands within a second or two, without a restart."""
    with here.store.transaction() as conn:
        if len(cameras.rules(conn, camera_id)) >= PER_CAMERA_MAX:
            raise Conflict(f"a camera has at most {PER_CAMERA_MAX} rules")
        rule = cameras.put_rule(conn, _rule(0, camera_id, body, access))
        _note(conn, access, "rule.create", rule)
    response.headers["Location"] = f"/api/v1/cameras/{camera_id}/rules"
    return rule_item(rule)


@routes.put("/cameras/{camera_id}/rules/{rule_id}", response_model=RuleItem)
@policy(who.ENGINEERS, noun="rules", object="camera")
def change_rule(here: Here, camera_id: str, rule_id: int, access: Allowed, body: RuleInput) -> dict[str, Any]:
    """Replace a rule by its next version; old events keep naming the old one."""
    with here.store.transaction() as conn:
        rule = cameras.put_rule(conn, _rule(rule_id, camera_id, body, access))
        _note(conn, access, "rule.change", rule)
    return rule_item(rule)


@routes.delete("/cameras/{camera_id}/rules/{rule_id}", status_code=204)
@policy(who.ENGINEERS, noun="rules", object="camera")
def remove_rule(here: Here, camera_id: str, rule_id: int, access: Allowed) -> None:
    """End a rule; its versions stay readable."""
    with here.store.transaction() as conn:
        _note(conn, access, "rule.remove", cameras.remove_rule(conn, camera_id, rule_id))


def _rule(rule_id: int, camera_id: str, body: RuleInput, access: Access) -> Rule:
    _check_shape(body)
    return Rule(
        id=rule_id,
        version=1,
        camera_id=camera_id,
        name=body.name,
        kind=body.kind,
        points=tuple((x, y) for x, y in body.points),
        labels=tuple(body.labels),
        direction=body.direction,
        confirm_frames=body.confirm_frames,
        cool_down_s=body.cool_down_s,
        min_score=body.min_score,
        enabled=body.enabled,
        created_by=access.login.username,
    )


def _check_shape(body: RuleInput) -> None:
    points = body.points
    if body.kind is RuleKind.LINE_CROSSING:
        if len(points) != 2:
            raise BadInput("points", f"two points, has {len(points)}")
        if points[0] == points[1]:
            raise BadInput("points", "two different points")
        return
    if len(points) < 3:
        raise BadInput("points", f"at least 3 points, has {len(points)}")
    around = zip(points, [*points[1:], points[0]], strict=True)
    if abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in around)) / 2 < AREA_MIN:
        raise BadInput("points", "a polygon that encloses something")


def _note(conn: Any, access: Access, action: str, rule: Rule) -> None:
    camera: Camera = access.thing
    audit.append(
        conn,
        actor=access.login.username,
        action=action,
        object=f"rule:{rule.id}",
        area=camera.area,
        detail={"camera": rule.camera_id, "version": rule.version, "name": rule.name},
    )
