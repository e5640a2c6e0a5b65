"""Rules of cameras: zones and tripwires, in versions."""

from typing import Any

from fastapi import Response

from dashboard_api import policy as who
from dashboard_api.context import Here
from dashboard_api.policy import Access, Allowed, policy
from dashboard_api.routes import router
from dashboard_api.schemas.rules import RuleInput, RuleItem, RuleKindList, RuleList
from dashboard_api.shapes import rule_item
from models.camera import Camera
from models.errors import Conflict
from models.rule import PARAMS, SHAPES, Rule, RuleKind, TamperFault, Window
from models.rule_check import check_rule
from models.store import audit, cameras

routes = router("rules")

PER_CAMERA_MAX = 64


@routes.get("/rule-kinds", response_model=RuleKindList)
@policy(who.EVERYBODY, noun="rules")
def list_kinds(access: Allowed) -> dict[str, Any]:
    """List the kinds of rules: what is drawn, which numbers they take and within which bounds."""
    items = [
        {
            "kind": kind,
            "shape": SHAPES[kind],
            "params": [{"name": name, **param._asdict()} for name, param in PARAMS[kind].items()],
            "labels": list(TamperFault) if kind is RuleKind.TAMPER else [],
        }
        for kind in RuleKind
    ]
    return {"items": items, "next_cursor": None}


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
        rule = cameras.put_rule(conn, rule_of(0, camera_id, body, access))
        _note(conn, access, "rule.create", rule)
    response.headers["Location"] = f"/api/v1/cameras/{camera_id}/rules"
    return rule_item(rule)


@routes.put("/cameras/{camera_id}/rules/{rule_id}", response_model=RuleItem)
@policy(who.ENGINEERS, noun="rules", object="camera")
def change_rule(here: Here, camera_id: str, rule_id: int, access: Allowed, body: RuleInput) -> dict[str, Any]:
    """Replace a rule by its next version; old events keep naming the old one."""
    with here.store.transaction() as conn:
        rule = cameras.put_rule(conn, rule_of(rule_id, camera_id, body, access))
        _note(conn, access, "rule.change", rule)
    return rule_item(rule)


@routes.delete("/cameras/{camera_id}/rules/{rule_id}", status_code=204)
@policy(who.ENGINEERS, noun="rules", object="camera")
def remove_rule(here: Here, camera_id: str, rule_id: int, access: Allowed) -> None:
    """End a rule; its versions stay readable."""
    with here.store.transaction() as conn:
        _note(conn, access, "rule.remove", cameras.remove_rule(conn, camera_id, rule_id))


def rule_of(rule_id: int, camera_id: str, body: RuleInput, access: Access) -> Rule:
    """Return the rule that ``body`` says; `BadInput` when it cannot be."""
    rule = Rule(
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
        params=dict(body.params),
        schedule=tuple(Window(days=tuple(one.days), start=one.start, end=one.end) for one in body.schedule),
    )
    check_rule(rule)
    return rule


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
