"""Records: every value comes back from JSON, and a wrong one is told by its field."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import color_specs, plane_formats
from vrinr_cli.frame import ColorSpec, Matrix, PlaneFormat
from vrinr_cli.record import from_plain, to_plain


class Shade(Enum):
    DARK = (0, 0)
    LIGHT = (1, 1)


class Level(IntEnum):
    LOW = 1
    HIGH = 2


@dataclass(frozen=True)
class Inner:
    rate: Fraction
    path: Path | None = None


@dataclass(frozen=True)
class Outer:
    count: int
    share: float
    name: str
    ready: bool
    shade: Shade
    level: Level
    inner: Inner
    pairs: tuple[tuple[int, str], ...]
    words: frozenset[str]
    table: dict[str, Inner]
    way: Literal["in", "out"]
    maybe: int | None = None
    either: int | str = 0
    anything: Any = None
    three: tuple[int, float, bool] = (1, 2.0, True)
    made: list[int] = field(default_factory=list, init=True, compare=False)


inners = st.builds(
    Inner,
    rate=st.fractions(),
    path=st.none() | st.lists(st.sampled_from(["a", "b c", "ü.mp4"]), min_size=1).map(lambda parts: Path(*parts)),
)
outers = st.builds(
    Outer,
    count=st.integers(),
    share=st.floats(allow_nan=False),
    name=st.text(),
    ready=st.booleans(),
    shade=st.sampled_from(Shade),
    level=st.sampled_from(Level),
    inner=inners,
    pairs=st.lists(st.tuples(st.integers(), st.text()), max_size=3).map(tuple),
    words=st.frozensets(st.text(max_size=3), max_size=3),
    table=st.dictionaries(st.text(max_size=3), inners, max_size=3),
    way=st.sampled_from(["in", "out"]),
    maybe=st.none() | st.integers(),
    either=st.integers() | st.text(),
    anything=st.none() | st.integers() | st.text(),
    three=st.tuples(st.integers(), st.floats(allow_nan=False), st.booleans()),
    made=st.just([]),
)


def through_json(value: object) -> Any:
    return json.loads(json.dumps(to_plain(value)))


def without_lists(plain: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in plain.items() if key != "made"}


@given(record=outers)
def test_every_record_comes_back(record: Outer) -> None:
    assert from_plain(Outer, without_lists(through_json(record))) == record


@given(color=color_specs)
def test_colors_come_back(color: ColorSpec) -> None:
    back = from_plain(ColorSpec, through_json(color))
    assert back == color
    assert type(back.matrix) is Matrix


@given(form=plane_formats)
def test_formats_come_back(form: PlaneFormat) -> None:
    assert from_plain(PlaneFormat, through_json(form)) == form


def plain() -> dict[str, Any]:
    return without_lists(
        through_json(
            Outer(
                count=1,
                share=0.5,
                name="n",
                ready=True,
                shade=Shade.DARK,
                level=Level.HIGH,
                inner=Inner(Fraction(30000, 1001), Path("a/b")),
                pairs=((1, "x"),),
                words=frozenset({"b", "a"}),
                table={"k": Inner(Fraction(1, 2))},
                way="in",
            )
        )
    )


def test_the_plain_form_is_what_a_person_would_write() -> None:
    form = plain()
    assert form["shade"] == "DARK"
    assert form["level"] == "HIGH"
    assert form["inner"] == {"rate": "30000/1001", "path": "a/b"}
    assert form["words"] == ["a", "b"]
    assert form["table"] == {"k": {"rate": "1/2", "path": None}}


def test_a_whole_number_is_a_float_too() -> None:
    record = from_plain(Outer, plain() | {"share": 3})
    assert type(record.share) is float


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("count",), "1", "plan.count: expected of type int"),
        (("count",), 1.0, "plan.count: expected of type int"),
        (("count",), True, "plan.count: expected of type int"),
        (("share",), "0.5", "plan.share: expected a number"),
        (("share",), False, "plan.share: expected a number"),
        (("share",), 10**400, "plan.share: expected a number that fits"),
        (("name",), None, "plan.name: expected of type str"),
        (("ready",), 1, "plan.ready: expected of type bool"),
        (("shade",), "GREY", "plan.shade: expected a Shade"),
        (("shade",), [0, 0], "plan.shade: expected a Shade"),
        (("level",), 2, "plan.level: expected a Level"),
        (("inner",), [], "plan.inner: expected an object"),
        (("inner", "rate"), "1/0", "plan.inner.rate: '1/0' is no Fraction"),
        (("inner", "rate"), "fast", "plan.inner.rate: 'fast' is no Fraction"),
        (("inner", "rate"), 25, "plan.inner.rate: expected a Fraction in text"),
        (("inner", "path"), 3, "plan.inner.path: expected a Path in text"),
        (("pairs",), {}, "plan.pairs: expected a list"),
        (("pairs",), [[1]], "plan.pairs[0]: expected a list of 2"),
        (("pairs",), [[1, "a"], ["b", "c"]], "plan.pairs[1][0]: expected of type int"),
        (("words",), ["a", 3], "plan.words[1]: expected of type str"),
        (("table",), [], "plan.table: expected an object"),
        (("table", "k", "rate"), None, "plan.table.k.rate: expected a Fraction in text"),
        (("way",), "up", "plan.way: expected one of ('in', 'out')"),
        (("maybe",), "1", "plan.maybe: expected of type int"),
        (("either",), None, "plan.either: expected of type str"),
        (("three",), [1, 2.0], "plan.three: expected a list of 3"),
        (("new",), 1, "plan: expected no field new"),
        (("inner", "new"), 1, "plan.inner: expected no field new"),
    ],
)
def test_a_wrong_field_is_named(path: tuple[str, ...], value: object, words: str) -> None:
    form = plain()
    place = form
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    with pytest.raises(ValueError, match=r"^plan") as caught:
        from_plain(Outer, form, at="plan")
    assert str(caught.value) == words


@pytest.mark.parametrize("name", ["count", "inner", "way"])
def test_a_missing_field_is_named(name: str) -> None:
    form = plain()
    del form[name]
    with pytest.raises(ValueError, match=f"^record: expected a field {name}$"):
        from_plain(Outer, form)


def test_a_missing_field_with_a_default_is_not_needed() -> None:
    form = plain()
    del form["maybe"]
    del form["three"]
    assert from_plain(Outer, form).three == (1, 2.0, True)


@given(junk=st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=2), st.lists, max_leaves=4))
def test_junk_gives_a_value_error_and_nothing_else(junk: object) -> None:
    for name in plain():
        with suppress(ValueError):  # junk may be a right value; what matters is that nothing else is raised
            from_plain(Outer, plain() | {name: junk})


def test_a_value_without_a_json_form_is_a_fault_of_ours() -> None:
    with pytest.raises(TypeError, match="no JSON form for bytes"):
        to_plain(b"")
    with pytest.raises(TypeError, match="records cannot hold"):
        from_plain(Outer, plain() | {"made": [1]})
