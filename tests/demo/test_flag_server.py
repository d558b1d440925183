"""The flag server's contract: statuses, shapes and hazards as measured on Unleash 8.2."""

import httpx
import pytest

PROJECT = "/api/admin/projects/default"
FLAG = f"{PROJECT}/features/ranker"
PLACE = f"{FLAG}/environments/production"
ROLLOUT = {"name": "flexibleRollout", "parameters": {"rollout": "5", "stickiness": "userId", "groupId": "ranker"}}


@pytest.fixture
def flag(admin: httpx.Client) -> str:
    assert admin.post(f"{PROJECT}/features", json={"name": "ranker", "type": "release"}).status_code == 201
    return "ranker"


def add(admin: httpx.Client, **changes: object) -> dict:
    answer = admin.post(f"{PLACE}/strategies", json={**ROLLOUT, **changes})
    assert answer.status_code == 200
    return answer.json()


def patch(admin: httpx.Client, strategy: dict, *operations: dict) -> httpx.Response:
    return admin.patch(f"{PLACE}/strategies/{strategy['id']}", json=list(operations))


def replace(path: str, value: object) -> dict:
    return {"op": "replace", "path": path, "value": value}


def events(admin: httpx.Client) -> list[dict]:
    return admin.get("/api/admin/search/events", params={"feature": "IS:ranker"}).json()["events"]


def is_on(admin: httpx.Client) -> bool:
    return admin.get(PLACE).json()["enabled"]


def test_creating_a_flag(admin, flag):
    again = admin.post(f"{PROJECT}/features", json={"name": "ranker"})
    assert (again.status_code, again.json()["name"]) == (409, "NameExistsError")
    bad = admin.post(f"{PROJECT}/features", json={"name": "two words"})
    assert (bad.status_code, bad.json()["name"]) == (400, "BadDataError")
    missing = admin.post(f"{PROJECT}/features", json={})
    assert missing.status_code == 400
    assert missing.json()["details"][0]["path"] == "/body/name"
    malformed = admin.post(f"{PROJECT}/features", content=b"{nope", headers={"Content-Type": "application/json"})
    assert malformed.status_code == 400
    assert set(malformed.json()) == {"message"}


def test_reading_a_flag_shows_every_environment(admin, flag):
    strategy = add(admin)
    document = admin.get(FLAG).json()
    places = {place["name"]: place for place in document["environments"]}
    assert set(places) == {"development", "production"}
    assert places["production"]["strategies"] == [strategy]
    assert places["development"]["strategies"] == []
    assert "segments" not in admin.get(PLACE).json()["strategies"][0]
    assert admin.get(f"{PLACE}/strategies").json()[0]["segments"] == []
    assert [each["name"] for each in admin.get(f"{PROJECT}/features").json()["features"]] == ["ranker"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{PROJECT}/features/other"),
        ("GET", "/api/admin/projects/other/features/ranker"),
        ("POST", f"{FLAG}/environments/other/on"),
        ("POST", f"{PROJECT}/features/other/environments/production/off"),
        ("GET", f"{PLACE}/strategies/other"),
        ("DELETE", f"{PLACE}/strategies/other"),
        ("GET", "/api/admin/segments/7"),
        ("GET", "/api/admin/nothing"),
        ("PUT", "/api/admin/environments"),
    ],
)
def test_what_is_not_there_is_a_404_in_its_shape(admin, flag, method, path):
    answer = admin.request(method, path)
    assert answer.status_code == 404
    assert answer.json()["name"] == "NotFoundError"
    assert answer.json()["details"][0]["message"] == answer.json()["message"]


def test_tokens(flag_url, admin, sdk):
    path = "/api/admin/environments"
    with httpx.Client(base_url=flag_url, trust_env=False) as nobody:
        assert nobody.get(path).json()["name"] == "AuthenticationRequired"
        wrong = nobody.get(path, headers={"Authorization": "nope"})
        assert (wrong.status_code, wrong.json()["name"]) == (401, "UnauthorizedError")
        assert nobody.get("/api/client/features").status_code == 401
        assert nobody.get("/api/client/features", headers={"Authorization": "nope"}).status_code == 401
        assert nobody.get("/health").status_code == 200
    assert sdk.get(path).status_code == 403
    assert admin.get("/api/client/features").status_code == 403
    assert admin.get(path, headers={"Authorization": f"Bearer {admin.headers['Authorization']}"}).status_code == 200


def test_on_and_off_have_no_body_and_may_be_repeated(admin, flag):
    add(admin)
    for act, state in (("on", True), ("on", True), ("off", False), ("off", False)):
        answer = admin.post(f"{PLACE}/{act}")
        assert (answer.status_code, answer.content) == (200, b"")
        assert is_on(admin) is state
    assert [event["type"] for event in events(admin)[:2]] == ["feature-environment-disabled", "feature-environment-enabled"]


def test_patching_the_percentage(admin, flag):
    strategy = add(admin)
    answer = patch(admin, strategy, replace("/parameters/rollout", "30"))
    assert answer.status_code == 200
    assert answer.json() == strategy | {"parameters": strategy["parameters"] | {"rollout": "30"}}
    number = patch(admin, strategy, replace("/parameters/rollout", 30))
    assert (number.status_code, number.json()["details"][0]["path"]) == (400, "/parameters/rollout")
    failed = patch(admin, strategy, {"op": "test", "path": "/parameters/rollout", "value": "31"}, replace("/title", "x"))
    assert failed.status_code == 500
    assert "TEST_OPERATION_FAILED" in failed.json()["message"]
    assert patch(admin, strategy, replace("/bogus", 1)).status_code == 400
    assert patch(admin, strategy, {"op": "bogus", "path": "/title"}).status_code == 400
    assert patch(admin, strategy, replace("/nope/rollout", "1")).status_code == 500
    assert admin.patch(f"{PLACE}/strategies/{strategy['id']}", json={"a": 1}).status_code == 400
    assert admin.get(f"{PLACE}/strategies/{strategy['id']}").json()["title"] is None


def test_the_event_log_is_a_chain(admin, flag):
    strategy = add(admin)
    for rollout in ("10", "10", "20"):
        patch(admin, strategy, replace("/parameters/rollout", rollout))
    updates = [event for event in events(admin) if event["type"] == "feature-strategy-update"]
    assert len(updates) == 2, "a write that changes nothing makes no event"
    newer, older = updates
    assert newer["id"] > older["id"]
    assert newer["preData"] == older["data"]
    assert newer["data"]["parameters"]["rollout"] == "20"
    every = admin.get("/api/admin/events/ranker").json()
    assert every["totalEvents"] == len(every["events"]) == 4
    page = admin.get("/api/admin/search/events", params={"feature": "IS:ranker", "limit": "2", "offset": "1"}).json()
    assert [event["id"] for event in page["events"]] == [event["id"] for event in every["events"][1:3]]
    assert page["total"] == 4
    assert admin.get("/api/admin/search/events", params={"feature": "ranker"}).status_code == 400


def test_hazard_defaults_are_everybody(admin, flag):
    bare = admin.post(f"{PLACE}/strategies", json={"name": "flexibleRollout"}).json()
    assert bare["parameters"] == {"groupId": "ranker", "rollout": "100", "stickiness": "default"}
    strategy = add(admin, constraints=[{"contextName": "userId", "operator": "IN", "values": ["a"]}])
    removed = patch(admin, strategy, {"op": "remove", "path": "/parameters/rollout"}).json()
    assert removed["parameters"]["rollout"] == "100"
    put = admin.put(f"{PLACE}/strategies/{strategy['id']}", json={"name": "flexibleRollout", "parameters": {"groupId": "g"}})
    assert put.json()["parameters"] == {"groupId": "g", "rollout": "100", "stickiness": "default"}
    assert put.json()["constraints"] == []


@pytest.mark.parametrize("rollout", ["250", "12.5", "abc", "-5"])
def test_hazard_rollout_is_not_checked(admin, flag, rollout):
    assert add(admin, parameters={"rollout": rollout})["parameters"]["rollout"] == rollout


def test_hazard_on_without_an_enabled_strategy_adds_everybody(admin, flag):
    strategy = add(admin, disabled=True)
    admin.post(f"{PLACE}/on")
    rollouts = {each["id"]: each["parameters"]["rollout"] for each in admin.get(f"{PLACE}/strategies").json()}
    assert rollouts.pop(strategy["id"]) == "5"
    assert list(rollouts.values()) == ["100"]


def test_on_may_activate_disabled_strategies_instead(admin, flag):
    add(admin, disabled=True)
    admin.post(f"{PLACE}/on", params={"shouldActivateDisabledStrategies": "true"})
    (only,) = admin.get(f"{PLACE}/strategies").json()
    assert (only["disabled"], only["parameters"]["rollout"]) == (False, "5")


@pytest.mark.parametrize("way", ["disable", "remove"])
def test_hazard_losing_the_last_enabled_strategy_switches_off(admin, flag, way):
    strategy = add(admin)
    admin.post(f"{PLACE}/on")
    if way == "disable":
        patch(admin, strategy, replace("/disabled", True))
    else:
        assert admin.delete(f"{PLACE}/strategies/{strategy['id']}").status_code == 200
    assert not is_on(admin)
    newest = events(admin)[:2]
    assert "feature-environment-disabled" in {event["type"] for event in newest}
    assert newest[0]["groupId"] == newest[1]["groupId"]


def test_bulk_off_is_all_or_nothing(admin, flag):
    add(admin)
    admin.post(f"{PLACE}/on")
    bulk = f"{PROJECT}/bulk_features/environments/production/off"
    assert admin.post(bulk, json={"features": ["ranker", "other"]}).status_code == 404
    assert is_on(admin)
    assert admin.post(bulk, json={}).status_code == 400
    assert admin.post(bulk, json={"features": ["ranker"]}).content == b""
    assert not is_on(admin)


def test_segments(admin, flag, sdk):
    constraint = {"contextName": "userId", "operator": "IN", "values": ["ana", "ben"]}
    made = admin.post("/api/admin/segments", json={"name": "employees", "constraints": [constraint]})
    assert (made.status_code, made.headers["location"]) == (201, "segments/1")
    assert admin.post("/api/admin/segments", json={"name": "employees", "constraints": []}).status_code == 409
    assert admin.post("/api/admin/segments", json={"name": "others"}).status_code == 400
    assert admin.get("/api/admin/segments").json()["segments"][0]["constraints"] == [constraint]
    assert add(admin, segments=[1])["segments"] == [1]
    assert admin.post(f"{PLACE}/strategies", json={**ROLLOUT, "segments": [9]}).status_code == 404
    (feature,) = sdk.get("/api/client/features").json()["features"]
    assert feature["strategies"][0]["constraints"] == [constraint]


def test_archived_flags_cannot_be_switched(admin, flag, sdk):
    assert admin.delete(FLAG).status_code == 202
    assert admin.get(FLAG).status_code == 404
    on = admin.post(f"{PLACE}/on")
    assert (on.status_code, on.json()["name"]) == (400, "ArchivedFeatureError")
    assert sdk.get("/api/client/features").json()["features"] == []


def test_clients_poll_with_an_etag(admin, flag, sdk):
    strategy = add(admin)
    first = sdk.get("/api/client/features")
    assert first.json()["meta"]["revisionId"] == events(admin)[0]["id"]
    tag = {"If-None-Match": first.headers["etag"]}
    assert sdk.get("/api/client/features", headers=tag).status_code == 304
    patch(admin, strategy, replace("/disabled", True))
    second = sdk.get("/api/client/features", headers=tag)
    assert second.status_code == 200
    assert second.json()["features"][0]["strategies"] == [], "disabled strategies are not sent"
    admin.post(f"{FLAG}/environments/development/on")
    again = sdk.get("/api/client/features", headers={"If-None-Match": second.headers["etag"]})
    assert again.status_code == 304, "another environment's change is not ours"


def test_a_body_that_is_too_large_is_refused(admin):
    answer = admin.post(f"{PROJECT}/features", content=b"x" * 1_000_001)
    assert answer.status_code == 413
