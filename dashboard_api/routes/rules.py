"""Rules of cameras: zones and tripwires, in versions."""

from fastapi import Request, Response

from dashboard_api import policy as who
from dashboard_api.policy import Allowed, policy
from dashboard_api.routes import router
from dashboard_api.schemas.cameras import RuleInput, RuleItem, RuleList
from models.errors import NotReady

routes = router("rules")


@routes.get("/cameras/{camera_id}/rules")
@policy(who.EVERYBODY, noun="rules", object="camera")
def list_rules(request: Request, camera_id: str, access: Allowed) -> RuleList:
    """List the rules that stand now."""
    raise NotReady("soon")


@routes.post("/cameras/{camera_id}/rules", status_code=201)
@policy(who.ENGINEERS, noun="rules", object="camera")
def create_rule(request: Request, response: Response, camera_id: str, access: Allowed, body: RuleInput) -> RuleItem:
    """Add a rule; it stands within a second or two, without a restart."""
    raise NotReady("soon")


@routes.put("/cameras/{camera_id}/rules/{rule_id}")
@policy(who.ENGINEERS, noun="rules", object="camera")
def change_rule(request: Request, camera_id: str, rule_id: int, access: Allowed, body: RuleInput) -> RuleItem:
    """Replace a rule by its next version; old events keep naming the old one."""
    raise NotReady("soon")


@routes.delete("/cameras/{camera_id}/rules/{rule_id}", status_code=204)
@policy(who.ENGINEERS, noun="rules", object="camera")
def remove_rule(request: Request, camera_id: str, rule_id: int, access: Allowed) -> None:
    """End a rule; its versions stay readable."""
    raise NotReady("soon")
